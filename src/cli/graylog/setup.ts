import { ApiFailure } from '../api-client.ts'
import { contentPack, installation, packId, REVISION, STREAM_TITLE } from './content-pack.ts'
import type { PackForm, PackValues, Transport } from './content-pack.ts'
import { callGraylog, GraylogRefusal } from './graylog-api.ts'
import type { GraylogTarget } from './graylog-api.ts'

export interface SetUp {
  readonly graylog: GraylogTarget
  readonly transport: Transport
  readonly values: PackValues
  /** Told of each step when it is done. */
  readonly say: (line: string) => void
}

/**
 * Joins a Graylog to Tocsin: uploads the content pack in the form that its version takes, installs
 * it with every parameter, and starts the stream, which Graylog leaves paused. What is there already
 * is left as it is, so that a second run is harmless.
 *
 * @throws ApiFailure with what Graylog said.
 */
export async function setUpGraylog(setUp: SetUp): Promise<void> {
  const { graylog, transport, values, say } = setUp
  const form = await formOf(graylog, say)
  const id = packId(transport)
  await upload(graylog, contentPack(form, transport, values.URL), say)
  const path = `/system/content_packs/${id}`
  const before = (await callGraylog(graylog, 'GET', `${path}/installations`)) as Installations
  if (before.installations.length > 0) {
    say('The content pack is installed already; its outputs and addresses are left as they are.')
  } else {
    await callGraylog(
      graylog,
      'POST',
      `${path}/${REVISION}/installations`,
      installation(form, values),
    )
    say('Installed the content pack: a stream, its outputs, and a notification.')
  }
  await startStream(graylog, say)
}

interface Installations {
  readonly installations: readonly object[]
}

interface Streams {
  readonly streams: readonly {
    readonly id: string
    readonly title: string
    readonly disabled: boolean
  }[]
}

/** 3.3 and 4 have entities that 5 renamed. */
async function formOf(graylog: GraylogTarget, say: SetUp['say']): Promise<PackForm> {
  const { version } = (await callGraylog(graylog, 'GET', '/system')) as { readonly version: string }
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < 3 || (major === 3 && minor < 3)) {
    throw new ApiFailure(`Graylog ${version} is too old: expected 3.3 or newer.`, 1)
  }
  say(`Graylog ${version} answers.`)
  return major >= 5 ? '7' : '3.3'
}

async function upload(graylog: GraylogTarget, pack: object, say: SetUp['say']): Promise<void> {
  try {
    await callGraylog(graylog, 'POST', '/system/content_packs', pack)
    say('Uploaded the content pack.')
  } catch (error) {
    // The same id and revision again is 400; anything else that is wrong comes out below.
    if (!(error instanceof GraylogRefusal) || error.status !== 400) throw error
    if (!/already|exist/i.test(error.message)) throw error
    say('The content pack is there already.')
  }
}

async function startStream(graylog: GraylogTarget, say: SetUp['say']): Promise<void> {
  const { streams } = (await callGraylog(graylog, 'GET', '/streams')) as Streams
  const ours = streams.filter(({ title }) => title === STREAM_TITLE)
  if (ours.length === 0) throw new ApiFailure(`Graylog has no stream "${STREAM_TITLE}" now.`, 1)
  for (const { id, disabled } of ours) {
    if (disabled) await callGraylog(graylog, 'POST', `/streams/${id}/resume`)
    say(disabled ? `Started the stream "${STREAM_TITLE}".` : `The stream "${STREAM_TITLE}" runs.`)
  }
}
