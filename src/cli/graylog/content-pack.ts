/**
 * The content pack that joins a Graylog to Tocsin: a stream with everything, the GELF outputs to us
 * over TCP and UDP, the HTTP notification, and the rule that lets the canary through whatever the
 * stream is narrowed to. Graylog 3.3 and 7 take two forms of it (seen on real servers of both).
 */

/** `3.3`: entities as 3.3 names them; `7`: as 5.0 and newer do. */
export type PackForm = '3.3' | '7'

/** Which outputs the stream has. TCP couples Graylog to us, UDP loses what is not read in time. */
export type Transport = 'tcp' | 'udp' | 'both'

/** Values for the pack's parameters; Graylog wants every one of them. */
export interface PackValues {
  /** Where Graylog reaches us. */
  readonly HOST: string
  readonly TCP_PORT: number
  readonly UDP_PORT: number
  /** Address of our Graylog input, key included. */
  readonly URL: string
}

export const STREAM_TITLE = 'Tocsin'

/** Revision of the pack: Graylog refuses one that it has already. */
export const REVISION = 1

const PACK_IDS: Readonly<Record<Transport, string>> = {
  tcp: '0f6c9f5e-6d0b-5a0c-9a55-9f3f4c6a7d01',
  udp: '0f6c9f5e-6d0b-5a0c-9a55-9f3f4c6a7d02',
  both: '0f6c9f5e-6d0b-5a0c-9a55-9f3f4c6a7d03',
}
const TCP_OUTPUT = 'b7a1f0de-2b77-5f3e-8f0e-51c6a3c0e101'
const UDP_OUTPUT = 'b7a1f0de-2b77-5f3e-8f0e-51c6a3c0e102'
const STREAM = 'b7a1f0de-2b77-5f3e-8f0e-51c6a3c0e103'
const NOTIFICATION = 'b7a1f0de-2b77-5f3e-8f0e-51c6a3c0e104'
const ALLOWED_URL = 'b7a1f0de-2b77-5f3e-8f0e-51c6a3c0e105'

/** Id of the pack for these outputs: a stream's outputs are part of what is installed. */
export function packId(transport: Transport): string {
  return PACK_IDS[transport]
}

/**
 * The pack as it is posted to `/api/system/content_packs`. `url` is that of the notification: the
 * list of allowed addresses takes no parameter, so it has to be written in.
 */
export function contentPack(form: PackForm, transport: Transport, url: string): object {
  const is = form === '7' ? '>=5.0.0' : '>=3.3.0'
  const constraints = [{ type: 'server-version', version: is }]
  const entity = (name: string, id: string, data: object): object => {
    return { v: '1', type: { name, version: '1' }, id, data, constraints }
  }
  const outputs = { tcp: [TCP_OUTPUT], udp: [UDP_OUTPUT], both: [TCP_OUTPUT, UDP_OUTPUT] }[
    transport
  ]
  return {
    v: '1',
    id: packId(transport),
    rev: REVISION,
    name: `Tocsin (${{ tcp: 'TCP', udp: 'UDP', both: 'TCP and UDP' }[transport]})`,
    summary: 'Sends messages and event notifications to Tocsin.',
    description: DESCRIPTION,
    vendor: 'Tocsin',
    url: '',
    parameters: [
      parameter('HOST', 'string', 'Host of Tocsin', 'As Graylog reaches it.', '127.0.0.1'),
      parameter('TCP_PORT', 'integer', 'TCP port', 'Of its gelf-tcp input.', 12_211),
      parameter('UDP_PORT', 'integer', 'UDP port', 'Of its gelf-udp input.', 12_212),
      parameter('URL', 'string', 'Notification', 'Address of its Graylog input, with key.', url),
    ],
    entities: [
      entity('output', TCP_OUTPUT, output('Tocsin over TCP', 'TCP', 'TCP_PORT')),
      entity('output', UDP_OUTPUT, output('Tocsin over UDP', 'UDP', 'UDP_PORT')),
      entity('stream', STREAM, stream(outputs)),
      entity('notification', NOTIFICATION, {
        title: text('Tocsin'),
        description: text('Opens or joins incidents in Tocsin.'),
        config: { type: 'http-notification-v1', url: { '@type': 'parameter', '@value': 'URL' } },
      }),
      entity(form === '7' ? 'url_allowlist_entry' : 'url_whitelist_entry', ALLOWED_URL, {
        id: ALLOWED_URL,
        type: 'literal',
        title: 'Tocsin',
        value: url,
      }),
    ],
    ...(form === '3.3' && { server_version: '3.3.0', created_at: '2026-11-24T00:00:00.000Z' }),
  }
}

/** Every parameter as the installation takes it: Graylog fills none of them by itself. */
export function installation(form: PackForm, values: PackValues): object {
  const parameters = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      { '@type': typeof value === 'number' ? 'integer' : 'string', '@value': value as unknown },
    ]),
  )
  const entity = { parameters, comment: 'by tocsin graylog setup' }
  return form === '7' ? { entity } : entity
}

const DESCRIPTION = [
  'A stream with every message, whose outputs send it to Tocsin as GELF, and a notification to',
  'add to event definitions. Narrow the stream with rules of your own in place of "always match";',
  'the rule on tocsin_canary lets the test messages of Tocsin through. Graylog leaves the stream',
  'of a new content pack paused: start it.',
].join(' ')

function parameter(
  name: keyof PackValues,
  type: 'string' | 'integer',
  title: string,
  description: string,
  defaultValue: string | number,
): object {
  return { name, title, description, type, default_value: defaultValue }
}

function output(title: string, protocol: 'TCP' | 'UDP', port: keyof PackValues): object {
  return {
    title: text(title),
    type: text('org.graylog2.outputs.GelfOutput'),
    configuration: {
      hostname: { '@type': 'parameter', '@value': 'HOST' },
      port: { '@type': 'parameter', '@value': port },
      protocol: text(protocol),
      connect_timeout: whole(1_000),
      reconnect_delay: whole(500),
      queue_size: whole(512),
      max_inflight_sends: whole(512),
      tcp_no_delay: flag(false),
      tcp_keep_alive: flag(true),
      tls_trust_cert_chain: text(''),
      tls_verification_enabled: flag(false),
    },
  }
}

function stream(outputs: readonly string[]): object {
  const rule = (type: string, field: string, description: string): object => ({
    type: text(type),
    field: text(field),
    value: text(''),
    inverted: flag(false),
    description: text(description),
  })
  return {
    title: text(STREAM_TITLE),
    description: text('What Tocsin sees.'),
    disabled: flag(false),
    matching_type: text('OR'),
    stream_rules: [
      rule('ALWAYS_MATCH', '', 'Everything; narrow it here.'),
      rule('PRESENCE', 'tocsin_canary', 'Keep: test messages of Tocsin.'),
    ],
    alert_conditions: [],
    alarm_callbacks: [],
    outputs: outputs.map(text),
    default_stream: flag(false),
    remove_matches: flag(false),
  }
}

function text(value: string): object {
  return { '@type': 'string', '@value': value }
}

function whole(value: number): object {
  return { '@type': 'integer', '@value': value }
}

function flag(value: boolean): object {
  return { '@type': 'boolean', '@value': value }
}
