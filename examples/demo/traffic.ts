/**
 * The demo's traffic: twenty minutes in the life of a shop, made here and the same every time.
 * Thousands of calm lines, and around minute eight one region's checkout breaks; someone tries
 * passwords at the bastion; and another region burns its error budget slowly.
 */

/** One log line on its way to an input. */
export interface Line {
  readonly input: 'payments' | 'bastion'
  /** From the start of the story, ms. */
  readonly atMs: number
  /** A GELF message without its timestamp. */
  readonly message: Readonly<Record<string, string | number>>
}

export const STORY_MS = 20 * 60_000

const MINUTE = 60_000
const OUTAGE = { region: 'eu', fromMs: 6 * MINUTE, toMs: 8 * MINUTE, share: 0.5 } as const
const SLOW_BURN = { region: 'us', share: 0.004 } as const
const ATTACK = { fromMs: 4 * MINUTE, toMs: 5 * MINUTE, times: 45, address: '203.0.113.9' } as const
const REQUESTS = 7_000
const LOGONS = 500

const PATHS = ['/cart', '/checkout', '/checkout/pay', '/checkout/address'] as const
const PEOPLE = ['ada', 'grace', 'edsger', 'barbara', 'tony'] as const

/** The whole story in order of time. */
export function story(): Line[] {
  const random = seeded(20_261_124)
  const lines = [...requests(random), ...logons(random), ...attack(random)]
  return lines.sort((a, b) => a.atMs - b.atMs)
}

function* requests(random: () => number): Generator<Line> {
  for (let i = 0; i < REQUESTS; i++) {
    const atMs = Math.floor(random() * STORY_MS)
    const region = random() < 0.6 ? 'eu' : 'us'
    const path = pick(PATHS, random)
    const isOutage = region === OUTAGE.region && atMs >= OUTAGE.fromMs && atMs < OUTAGE.toMs
    const failing = isOutage ? OUTAGE.share : region === SLOW_BURN.region ? SLOW_BURN.share : 0
    const isBad = random() < failing
    const status = isBad ? 503 : random() < 0.02 ? 404 : 200
    const tookMs = Math.round(isBad ? 2_000 + random() * 3_000 : 20 + random() * 180)
    yield {
      input: 'payments',
      atMs,
      message: {
        version: '1.1',
        host: `checkout-${region}-${1 + Math.floor(random() * 3)}`,
        short_message: `POST ${path} ${status} in ${tookMs} ms`,
        level: isBad ? 3 : 6,
        _service: 'checkout',
        _region: region,
        _path: path,
        _http_status: status,
        _took_ms: tookMs,
      },
    }
  }
}

function* logons(random: () => number): Generator<Line> {
  for (let i = 0; i < LOGONS; i++) {
    const person = pick(PEOPLE, random)
    const address = `192.0.2.${1 + Math.floor(random() * 40)}`
    const isTypo = random() < 0.05
    const text = isTypo ? `Failed password for ${person}` : `Accepted publickey for ${person}`
    yield sshLine(Math.floor(random() * STORY_MS), text, address, random)
  }
}

function* attack(random: () => number): Generator<Line> {
  const stepMs = (ATTACK.toMs - ATTACK.fromMs) / ATTACK.times
  for (let i = 0; i < ATTACK.times; i++) {
    const text = `Failed password for invalid user ${pick(['admin', 'oracle', 'test'], random)}`
    yield sshLine(ATTACK.fromMs + Math.floor(i * stepMs), text, ATTACK.address, random)
  }
}

function sshLine(atMs: number, text: string, address: string, random: () => number): Line {
  const port = 1_024 + Math.floor(random() * 60_000)
  return {
    input: 'bastion',
    atMs,
    message: {
      version: '1.1',
      host: 'bastion-1',
      short_message: `${text} from ${address} port ${port} ssh2`,
      level: text.startsWith('Failed') ? 5 : 6,
      _process: 'sshd',
      _src_ip: address,
    },
  }
}

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)]!
}

/** Mulberry32: small, and the same numbers everywhere. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
