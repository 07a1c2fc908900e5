import { readFileSync } from 'node:fs'
import type { App } from '../app.ts'
import { HttpProblem } from '../http-problem.ts'
import { incidentPage } from '../incident-page.ts'
import type { InputRates } from '../input-rates.ts'
import type { HttpOptions } from '../options.ts'
import { overviewPage } from '../overview-page.ts'
import { incidentPath, noQuery } from '../requests.ts'
import { rulesWithFigures } from '../rules-with-figures.ts'

/** Incidents on the overview, each with its report: a screenful. */
const INCIDENTS_SHOWN = 20
const DEAD_SHOWN = 5
const OLD_NEWS_SHOWN = 10
const GAPS_SHOWN = 10

/** The plain page: overview, one page per incident, one style sheet. */
export function pageRoutes(app: App, options: HttpOptions, rates: InputRates): void {
  const style = readFileSync(new URL('../style.css', import.meta.url), 'utf8')

  app.get('/', {
    schema: { hide: true, querystring: noQuery },
    handler: async (_, reply) => {
      const { readModel, clock, version } = options
      const [page, dead, oldNews, gaps, slo] = await Promise.all([
        readModel.incidents({ open: true, limit: INCIDENTS_SHOWN }),
        readModel.deliveries({ state: 'dead', limit: DEAD_SHOWN }),
        readModel.episodes({ disposition: 'old_news', limit: OLD_NEWS_SHOWN }),
        readModel.gaps({ limit: GAPS_SHOWN }),
        options.slo(),
      ])
      const details = await Promise.all(page.items.map(({ id }) => readModel.incident(id)))
      const text = overviewPage({
        nowMs: clock(),
        version,
        ready: options.ready(),
        problems: options.problems(),
        incidents: details.filter((detail) => detail !== undefined),
        moreIncidents: page.next !== null,
        inputs: rates.inputs(),
        rules: rulesWithFigures(options.rules(), options.stats()),
        slo,
        dead: dead.items,
        oldNews: oldNews.items,
        gaps: gaps.items,
      })
      return reply.type('text/html; charset=utf-8').send(text)
    },
  })

  app.get('/incidents/:id', {
    schema: { hide: true, params: incidentPath, querystring: noQuery },
    handler: async ({ params }, reply) => {
      const detail = await options.readModel.incident(params.id)
      if (detail === undefined) {
        throw new HttpProblem('not-found', `There is no incident "${params.id}".`)
      }
      const text = incidentPage(detail, { nowMs: options.clock(), version: options.version })
      return reply.type('text/html; charset=utf-8').send(text)
    },
  })

  app.get('/style.css', {
    schema: { hide: true },
    handler: async (_, reply) =>
      reply
        .type('text/css; charset=utf-8')
        .header('cache-control', 'public, max-age=300')
        .send(style),
  })
}
