import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { beforeAll, expect, it } from 'vitest'

import { needDebian, runs } from './debian.ts'
import { CHECKOUT_ERROR, CHECKOUT_TIMES, expectReadmeIncident } from './readme-incident.ts'

/** Not the first python3 of the path: that may be one without Debian's modules. */
const PYTHON = process.env['TOCSIN_PYTHON'] || '/usr/bin/python3'

/** A Python program as people write it: a logger, graypy's handler, facts in `extra`. */
const PROGRAM = `
import json, logging, sys
import graypy
transport, port, times, extra = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
handler_class = { "tcp": graypy.GELFTCPHandler, "udp": graypy.GELFUDPHandler }[transport]
handler = handler_class("127.0.0.1", port)
log = logging.getLogger("checkout")
log.setLevel(logging.INFO)
log.addHandler(handler)
log.info("checkout starts")
for n in range(times):
    log.error("POST /pay answered %d", extra["http_status"], extra={ **extra, "attempt": n })
handler.close()
`

beforeAll(() =>
  needDebian({
    what: `the Python module graypy of ${PYTHON}`,
    packages: ['python3-graypy'],
    isThere: () => runs(PYTHON, '-c', 'import graypy'),
    instead: 'set TOCSIN_PYTHON to a Python that has graypy',
  }),
)

it.for(['tcp', 'udp'] as const)(
  "a Python program that logs through graypy over %s opens the README's incident",
  async (transport) => {
    const first = await expectReadmeIncident(`gelf-${transport}`, async (port) => {
      const args = [transport, String(port), String(CHECKOUT_TIMES), JSON.stringify(CHECKOUT_ERROR)]
      const python = spawn(PYTHON, ['-c', PROGRAM, ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      let errors = ''
      python.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
      const [status] = (await once(python, 'close')) as [number | null]
      expect({ status, errors }).toEqual({ status: 0, errors: '' })
    })
    expect(first).toMatchObject({ message: 'POST /pay answered 503', level: 3 })
  },
)
