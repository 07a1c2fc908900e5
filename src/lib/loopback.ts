/** Whether only this machine reaches the host: 127.0.0.0/8, `::1` or `localhost`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || IPV4_LOOPBACK.test(host)
}

const BYTE = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4_LOOPBACK = new RegExp(`^127(?:\\.${BYTE}){3}$`)
