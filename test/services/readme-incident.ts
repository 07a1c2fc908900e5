/** The README's promise for a sender that is not ours: its messages open the incident of the rule. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'

import { HTTP_CONFIG, incidentDetail, incidents } from '../support/service-api.ts'
import { serviceFolder, startService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'
import { startWebhookReceiver } from '../support/webhook-receiver.ts'

const SECRET = `whsec_${Buffer.alloc(32, 11).toString('base64')}`
const CHECKOUT = join(import.meta.dirname, '..', '..', 'examples', 'rules', 'checkout.yaml')

/** What a sender has to log twenty times. */
export const CHECKOUT_ERROR = { service: 'checkout', http_status: 503, region: 'eu' } as const
export const CHECKOUT_TIMES = 20

/**
 * Runs the service with the README's rule and an input of the given type, lets `send` talk to its
 * port, and expects the incident in the API and, verified, at the receiver. Returns the fields of
 * its first event, for what is special about the sender.
 */
export async function expectReadmeIncident(
  type: 'gelf-tcp' | 'gelf-udp',
  send: (port: number) => Promise<void>,
): Promise<Readonly<Record<string, string | number>>> {
  const receiver = await startWebhookReceiver(SECRET)
  const config = `
data: data
rules: [${JSON.stringify(CHECKOUT)}]
inputs: [{ name: payments, type: ${type}, listen: "127.0.0.1:0" }]
receivers:
  - name: oncall
    webhook: { url: "http://127.0.0.1:${receiver.port}/", secret: "${SECRET}" }
    allow: { http: true, addresses: [127.0.0.0/8], ports: [${receiver.port}] }
${HTTP_CONFIG}
`
  const folder = serviceFolder({ 'tocsin.yaml': config })
  const service = await startService(folder)
  try {
    await send(service.ports['payments']!)
    await waitFor('a webhook', () => receiver.received[0] ?? receiver.rejected[0])
    expect(receiver.rejected).toEqual([])
    expect(receiver.received[0]).toMatchObject({ type: 'incident.identification.started' })

    const open = await incidents(service.url)
    expect(open).toMatchObject([
      { ruleId: 'checkout-5xx', group: { region: 'eu' }, severity: 'high', signal: 'firing' },
    ])
    const { report } = await incidentDetail(service.url, open[0]!.number)
    expect(report.value).toBe(CHECKOUT_TIMES)
    const { fields, flags } = report.firstEvent!
    // Some senders write numbers as text, as Graylog's own fields often are.
    expect({ ...fields, http_status: Number(fields['http_status']) }).toMatchObject(CHECKOUT_ERROR)
    expect(flags).toEqual([])
    return fields
  } finally {
    await service.stop()
    await receiver.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
