import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { plainAddress } from '../../src/alerting/address-list.ts'
import { checkUrl, refusedAddress, type EgressAllowance } from '../../src/alerting/egress-guard.ts'

const NOTHING: EgressAllowance = { http: false, addresses: [], ports: [] }

describe('the egress guard refuses a URL', () => {
  it.each([
    // W1: every spelling of an IPv4 address that browsers understand.
    ['https://127.0.0.1/', 'loopback'],
    ['https://0x7f.1/', 'loopback'],
    ['https://2130706433/', 'loopback'],
    ['https://0177.0.0.1/', 'loopback'],
    ['https://127.1/', 'loopback'],
    ['https://0x7F000001/', 'loopback'],
    ['https://017700000001/', 'loopback'],
    ['https://①②⑦.0.0.1/', 'loopback'],
    ['https://127。0。0。1/', 'loopback'],
    ['https://%31%32%37.0.0.1/', 'loopback'],
    ['https://169.254.169.254./', 'link-local'],
    ['https://169.254.169.254/latest/meta-data', 'link-local'],
    ['https://0/', 'this host'],
    ['https://10.255.255.255/', 'private'],
    ['https://172.31.255.255/', 'private'],
    ['https://192.168.0.1:8443/', 'private'],
    ['https://100.64.0.1/', 'carrier-grade NAT'],
    ['https://224.0.0.251/', 'multicast'],
    ['https://255.255.255.255/', 'reserved'],
    ['https://192.0.2.1/', 'documentation'],
    ['https://198.19.0.1/', 'benchmarking'],
    ['https://192.88.99.1/', '6to4'],
    // W2: IPv6 that hides or is something else.
    ['https://[::1]/', 'loopback'],
    ['https://[0:0:0:0:0:0:0:1]/', 'loopback'],
    ['https://[::]/', 'this host'],
    ['https://[::ffff:169.254.169.254]/', 'link-local'],
    ['https://[::ffff:7f00:1]/', 'loopback'],
    ['https://[::127.0.0.1]/', 'not global unicast'],
    ['https://[64:ff9b::a9fe:a9fe]/', 'NAT64'],
    ['https://[64:ff9b::8.8.8.8]/', 'NAT64'],
    ['https://[64:ff9b:1::1]/', 'NAT64'],
    ['https://[2002:7f00:1::]/', '6to4'],
    ['https://[fd00:ec2::254]/', 'private'],
    ['https://[fe80::1]/', 'link-local'],
    ['https://[fec0::1]/', 'private'],
    ['https://[ff02::1]/', 'multicast'],
    ['https://[2001:db8::1]/', 'documentation'],
    ['https://[2001::1]/', 'reserved'],
    ['https://[4000::1]/', 'not global unicast'],
    // W5: scheme, user info, port, control characters.
    ['http://hooks.example.org/', 'allow: { http: true }'],
    ['file:///etc/passwd', 'scheme file:'],
    ['gopher://hooks.example.org/', 'scheme gopher:'],
    ['javascript:alert(1)', 'scheme javascript:'],
    ['https://user@hooks.example.org/', 'user name or password'],
    ['https://:word@hooks.example.org/', 'user name or password'],
    ['https://hooks.example.org:22/', 'port 22'],
    ['https://hooks.example.org:25/', 'port 25'],
    ['https://hooks.example.org:5432/', 'port 5432'],
    ['https://hooks.example.org:80/', 'port 80'],
    ['https://hooks.example.org/\r\nx: y', 'control character'],
    ['https://hooks.exam\tple.org/', 'control character'],
    [' https://hooks.example.org/', 'blank'],
    ['https://hooks.example.org\\@127.0.0.1/', 'backslash'],
    ['https://[fe80::1%25eth0]/', 'cannot be read'],
    ['https://', 'cannot be read'],
    ['hooks.example.org', 'cannot be read'],
    ['', 'cannot be read'],
  ])('%j: %s', (url, sentence) => {
    expect(checkUrl(url, NOTHING)).toEqual({ refused: expect.stringContaining(sentence) as string })
  })

  it('without repeating its path or query, where receivers keep their tokens', () => {
    const refusal = checkUrl('https://hooks.example.org:99/T0KEN?key=T0KEN', NOTHING)
    expect(JSON.stringify(refusal)).not.toContain('T0KEN')
  })
})

describe('the egress guard lets through', () => {
  it.each([
    ['https://hooks.example.org/a?b=c', NOTHING],
    ['https://hooks.example.org:8443/', NOTHING],
    ['https://8.8.8.8/', NOTHING],
    ['https://[2606:4700::1111]/', NOTHING],
    ['https://bücher.example/', NOTHING],
    ['http://hooks.example.org/', { ...NOTHING, http: true }],
    ['https://hooks.example.org:9000/', { ...NOTHING, ports: [9000] }],
    ['https://127.0.0.1/', { ...NOTHING, addresses: ['127.0.0.0/8'] }],
    ['https://[::ffff:127.0.0.1]/', { ...NOTHING, addresses: ['127.0.0.1'] }],
    ['https://[fd00::7]/', { ...NOTHING, addresses: ['fd00::/8'] }],
    ['https://[64:ff9b::808:808]/', { ...NOTHING, addresses: ['64:ff9b::/96'] }],
  ])('%j with %o', (url, allow) => {
    expect(checkUrl(url, allow)).toMatchObject({ url: new URL(url) })
  })

  it('a range that is opened, and nothing beside it', () => {
    const allow = { ...NOTHING, addresses: ['10.1.0.0/16'] }
    expect(refusedAddress('10.1.255.1', allow)).toBeNull()
    expect(refusedAddress('10.2.0.1', allow)).toContain('private')
    expect(refusedAddress('127.0.0.1', allow)).toContain('loopback')
    expect(refusedAddress('::ffff:10.1.0.1', allow)).toBeNull()
  })
})

describe('an address', () => {
  it.each(['fe80::1%eth0', 'localhost', '', '1.2.3', '1.2.3.4.5', '::g'])(
    '%j is none and refused',
    (text) => {
      expect(plainAddress(text)).toBeUndefined()
      expect(refusedAddress(text, NOTHING)).toContain('is not an address')
    },
  )

  it('in any IPv4-mapped spelling is judged as the IPv4 address it stands for', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number]
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
        for (const text of [`::ffff:${address}`, `::FFFF:${hex}`, `0:0:0:0:0:ffff:${hex}`]) {
          expect(plainAddress(text)).toBe(address)
          expect(refusedAddress(text, NOTHING)).toBe(refusedAddress(address, NOTHING))
        }
      }),
      { numRuns: 200 },
    )
  })

  it('is public only where an independent reading of the ranges says so', () => {
    const isPublic = (address: string): boolean => {
      const [a, b, c] = address.split('.').map(Number) as [number, number, number]
      if (a === 0 || a === 10 || a === 127 || a >= 224) return false
      if (a === 100 && b >= 64 && b < 128) return false
      if (a === 169 && b === 254) return false
      if (a === 172 && b >= 16 && b < 32) return false
      if (a === 192 && (b === 168 || (b === 0 && (c === 0 || c === 2)) || (b === 88 && c === 99)))
        return false
      if (a === 198 && (b === 18 || b === 19 || (b === 51 && c === 100))) return false
      return !(a === 203 && b === 0 && c === 113)
    }
    const near = fc
      .tuple(
        fc.constantFrom(
          0,
          9,
          10,
          11,
          100,
          126,
          127,
          128,
          169,
          172,
          192,
          198,
          203,
          223,
          224,
          240,
          255,
        ),
        fc.constantFrom(0, 15, 16, 17, 18, 19, 20, 31, 32, 51, 63, 64, 88, 127, 128, 168, 254),
        fc.constantFrom(0, 2, 99, 100, 113, 255),
        fc.nat(255),
      )
      .map((parts) => parts.join('.'))
    fc.assert(
      fc.property(fc.oneof(near, fc.ipV4()), (address) => {
        expect(refusedAddress(address, NOTHING) === null).toBe(isPublic(address))
      }),
      { numRuns: 300 },
    )
  })
})
