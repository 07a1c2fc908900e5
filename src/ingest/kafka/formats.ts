import { cloudEventsFormat } from './formats/cloud-events-format.ts'
import { gelfFormat } from './formats/gelf-format.ts'
import { jsonFormat } from './formats/json-format.ts'
import { KafkaMembers } from './formats/kafka-members.ts'
import { textFormat } from './formats/text-format.ts'
import { undecodable } from './codecs/undecodable.ts'
import type { Decode, Decoded } from './record.ts'
import type { FormatSettings } from './format-settings.ts'

const NOTHING: Decoded = { messages: [] }

/**
 * What reads the records of a topic (design §8's words for them are GELF's). A tombstone holds
 * nothing, but for CloudEvents, whose attributes may be all there is.
 */
export function decoderOf(settings: FormatSettings): Decode {
  const decode = formatOf(settings)
  const readsNull = settings.format === 'cloudevents'
  return (record) => {
    const fault = undecodable(record.value)
    if (fault !== undefined) return { rejection: fault.reason === 'bomb' ? 'bomb' : 'encoding' }
    if (record.value === null && !(readsNull && record.headers.length > 0)) return NOTHING
    return decode(record)
  }
}

function formatOf(settings: FormatSettings): Decode {
  const kafka = new KafkaMembers(settings.headers)
  switch (settings.format) {
    case 'gelf':
      return gelfFormat(kafka)
    case 'json':
      return jsonFormat(kafka, settings.fields)
    case 'cloudevents':
      return cloudEventsFormat(kafka, settings.message)
    case 'text':
      return textFormat(kafka, settings.source)
  }
}
