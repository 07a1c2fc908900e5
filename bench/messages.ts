/**
 * GELF messages of our own making, equal in every run: four kinds of a shop's log lines, about
 * 430 bytes and 12 to 21 keys each, thousands of distinct ones in many shapes, so that no cache
 * makes them cheaper than real ones.
 */

/** Enough that neither shapes nor values repeat within a processor's caches. */
const DISTINCT = 8_000
/** As wide as milliseconds of this century: `1764000000.123`. */
const TIMESTAMP_BYTES = 14

/** Messages back to back, NUL after each, with the place of each one's timestamp. */
export interface MessageBlock {
  readonly bytes: Buffer
  /** `count + 1` offsets: message i is `bytes[offsets[i] … offsets[i + 1] - 1)`, then its NUL. */
  readonly offsets: Uint32Array
  /** Where the 14 bytes of each message's timestamp begin. */
  readonly timestampAt: Uint32Array
}

/** `count` messages, by default 8,000, with a timestamp to be overwritten when they are sent. */
export function messageBlock(count = DISTINCT): MessageBlock {
  const random = randomOf(0x5eed)
  const parts: Buffer[] = []
  const offsets = new Uint32Array(count + 1)
  const timestampAt = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    const text = Buffer.from(`${JSON.stringify(message(random, i))}\0`)
    timestampAt[i] = offsets[i]! + text.indexOf('"timestamp":') + '"timestamp":'.length
    offsets[i + 1] = offsets[i]! + text.length
    parts.push(text)
  }
  return { bytes: Buffer.concat(parts), offsets, timestampAt }
}

/** Writes the time into messages `from … to` of a block (or of a copy that begins at `from`). */
export function stamp(
  block: MessageBlock,
  range: { readonly from: number; readonly to: number },
  into: { readonly bytes: Buffer; readonly base: number },
  nowMs: number,
): void {
  const text = (nowMs / 1_000).toFixed(3)
  for (let i = range.from; i < range.to; i++) {
    into.bytes.write(text, block.timestampAt[i]! - into.base, TIMESTAMP_BYTES, 'latin1')
  }
}

/** Mulberry32: small, quick, and the same everywhere. */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

type Random = () => number
type Fields = Record<string, string | number>

const REGIONS = ['eu', 'us', 'ap', 'sa']
const SERVICES = ['checkout', 'cart', 'catalog', 'search', 'payment', 'login', 'mail', 'stock']
const METHODS = ['GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE']
const AGENTS = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)',
  'okhttp/4.12.0',
  'curl/8.9.1',
]
const ERRORS = ['TimeoutException', 'NullPointerException', 'SQLException', 'IOException']

function message(random: Random, nth: number): Fields {
  const region = pick(random, REGIONS)
  const service = pick(random, SERVICES)
  const common = {
    version: '1.1',
    host: `${service}-${below(random, 25)}.${region}.example.net`,
    timestamp: 1_764_000_000.123,
    _env: random() < 0.9 ? 'prod' : 'stage',
    _region: region,
    _service: service,
  }
  const kinds = [access, access, application, logon, database]
  return { ...common, ...optional(random), ...kinds[nth % kinds.length]!(random, service) }
}

/** Some fields are only sometimes there: real key sets vary. */
function optional(random: Random): Fields {
  const fields: Fields = {}
  if (random() < 0.5) fields['_pod'] = `pod-${hex(random, 8)}`
  if (random() < 0.3) fields['_build'] = `2026.${below(random, 12)}.${below(random, 40)}`
  if (random() < 0.3) fields['_zone'] = `z${below(random, 4)}`
  return fields
}

function access(random: Random, service: string): Fields {
  const status = random() < 0.97 ? 200 : 500 + below(random, 5)
  const path = `/api/v${1 + below(random, 3)}/${service}/${below(random, 9_000)}`
  const tookMs = below(random, 900)
  const method = pick(random, METHODS)
  return {
    level: status >= 500 ? 3 : 6,
    short_message: `${method} ${path} answered ${status} in ${tookMs} ms`,
    _http_method: method,
    _http_status: status,
    _path: path,
    _took_ms: tookMs,
    _client_ip: address(random),
    _user_agent: pick(random, AGENTS),
    _request_id: hex(random, 20),
  }
}

function application(random: Random, service: string): Fields {
  const isError = random() < 0.1
  const error = pick(random, ERRORS)
  const order = below(random, 1_000_000)
  return {
    level: isError ? 3 : 6,
    short_message: isError
      ? `Order ${order} could not be written: ${error} after ${below(random, 5)} tries`
      : `Order ${order} moved to state ${pick(random, ['paid', 'packed', 'sent'])} by ${service}`,
    _logger: `net.example.${service}.OrderService`,
    _thread: `worker-${below(random, 64)}`,
    _order: order,
    _trace_id: hex(random, 32),
    _span_id: hex(random, 16),
    _error: isError ? error : 'none',
  }
}

function logon(random: Random): Fields {
  const isFailed = random() < 0.2
  const user = `user-${below(random, 2_000)}`
  const ip = address(random)
  return {
    level: isFailed ? 4 : 6,
    short_message: `${isFailed ? 'Failed' : 'Accepted'} password for ${user} from ${ip} port ${1024 + below(random, 60_000)} ssh2`,
    _process: 'sshd',
    _pid: below(random, 32_768),
    _user: user,
    _src_ip: ip,
    _outcome: isFailed ? 'failure' : 'success',
    _session: hex(random, 24),
    _facility: 'authpriv',
    _auth_method: 'password',
    _command: '/usr/sbin/sshd -D -o LogLevel=VERBOSE',
  }
}

function database(random: Random): Fields {
  const tookMs = Math.floor(2 / (random() + 0.001))
  const table = pick(random, ['orders', 'items', 'users', 'stock', 'payments'])
  return {
    level: tookMs > 1_000 ? 4 : 6,
    short_message: `duration: ${tookMs} ms  statement: SELECT id, state FROM ${table} WHERE id = ${below(random, 1_000_000)} FOR UPDATE`,
    _process: 'postgres',
    _pid: below(random, 32_768),
    _database: 'shop',
    _table: table,
    _took_ms: tookMs,
    _rows: below(random, 50),
    _client_ip: address(random),
    _application_name: `pool-${below(random, 8)}`,
  }
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[below(random, values.length)]!
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit)
}

function hex(random: Random, length: number): string {
  let text = ''
  while (text.length < length) text += below(random, 65_536).toString(16).padStart(4, '0')
  return text.slice(0, length)
}

function address(random: Random): string {
  return `10.${below(random, 8)}.${below(random, 256)}.${below(random, 256)}`
}
