import { routeOf } from './alerting/settings.ts'
import type { Config } from './config/settings.ts'
import type { Routing } from './threads/messages.ts'

/** What decisions need of the configuration: who is told of what, and how much procedure. */
export function routingOf(config: Config): Routing {
  const { host, port } = config.http.listen
  const name = host.includes(':') ? `[${host}]` : host
  return {
    receivers: config.receivers.map(routeOf),
    procedure: config.incidents.procedure,
    baseUrl: config.http.public_url ?? `http://${name}:${port}`,
    graylogUrl: config.graylog?.url ?? null,
  }
}
