import { connect } from 'node:net'

/** Sends records over one GELF TCP connection, each closed by NUL, and hangs up. */
export async function sendGelfTcp(port: number, records: readonly string[]): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.end(records.map((record) => `${record}\0`).join(''), resolve)
  })
}
