import { html, type Html, type HtmlValue } from './html.ts'

/** The frame of every page. No script, no inline style: the policy would refuse them. */
export function layout(page: {
  readonly title: string
  readonly nowMs: number
  readonly version: string
  /** Reloads by itself, for a screen on the wall. */
  readonly refreshSeconds?: number
  readonly body: Html
}): string {
  const refresh =
    page.refreshSeconds !== undefined &&
    html`<meta http-equiv="refresh" content="${page.refreshSeconds}" />`
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        ${refresh}
        <title>${page.title}</title>
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body>
        <header class="top">
          <a class="brand" href="/">Tocsin</a>
          <span class="quiet">${utc(page.nowMs)}</span>
        </header>
        <main>${page.body}</main>
        <footer class="quiet">
          Tocsin ${page.version} · <a href="/api/v1/openapi.json">API</a> ·
          <a href="/metrics">metrics</a> · <a href="/metrics/slo">SLO metrics</a>
        </footer>
      </body>
    </html> `.text
}

export function section(id: string, title: string, note: HtmlValue, body: Html): Html {
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title} <span class="quiet note">${note}</span></h2>
    ${body}
  </section>`
}

/** A table whose cells carry their column's name, so that a phone can show rows as cards. */
export function table(
  columns: readonly { readonly title: string; readonly number?: boolean }[],
  rows: readonly (readonly HtmlValue[])[],
): Html {
  const cell = (value: HtmlValue, i: number): Html => {
    const column = columns[i]
    const kind = column?.number === true ? 'number' : 'text'
    return html`<td class="${kind}" data-label="${column?.title}"><span>${value}</span></td>`
  }
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${columns.map(
            ({ title, number }) =>
              html`<th scope="col" class="${number === true ? 'number' : 'text'}">${title}</th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map(cell)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

/** A word with a colour; `kind` is one of the style sheet's own, never from outside. */
export function badge(kind: string, text: string): Html {
  return html`<span class="badge ${kind}">${text}</span>`
}

/** Facts as name and value. */
export function facts(rows: readonly (readonly [name: string, value: HtmlValue])[]): Html {
  return html`<dl class="facts">
    ${rows.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`
}

/** A time as how long ago it was, with the instant itself on hover and for machines. */
export function ago(ms: number | null, nowMs: number): Html {
  if (ms === null) return html`<span class="quiet">never</span>`
  const words = ms > nowMs + 1_000 ? `in ${span(ms - nowMs)}` : `${span(nowMs - ms)} ago`
  return html`<time datetime="${iso(ms)}" title="${utc(ms)}">${words}</time>`
}

/** `2026-11-24 10:35:07 UTC`, or the number itself where no calendar reaches. */
export function utc(ms: number): string {
  return iso(ms)
    .replace('T', ' ')
    .replace(/(\.\d+)?Z$/, ' UTC')
}

function iso(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString()
}

/** A length of time in its largest fitting unit: `42 s`, `7 min`, `3 h`, `2 d`. */
function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 90) return `${seconds} s`
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`
  if (seconds < 36 * 3_600) return `${Math.round(seconds / 3_600)} h`
  return `${Math.round(seconds / 86_400)} d`
}

/** A link only where it leads to a web page; else the text alone (`javascript:` and the like). */
export function webLink(url: string, text: string): Html {
  const isWeb = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
  if (!isWeb) return html`${text}`
  return html`<a href="${url}" rel="noreferrer">${text}</a>`
}

/** A link to an incident's page by number or id. */
export function incidentLink(id: string | number, text: string): Html {
  return html`<a href="/incidents/${encodeURIComponent(String(id).toWellFormed())}">${text}</a>`
}

export function group(values: Readonly<Record<string, string>>): HtmlValue {
  const entries = Object.entries(values)
  if (entries.length === 0) return false
  return entries.map(
    ([name, value]) => html`<span class="pair"><b>${name}</b> ${short(value, 80)}</span> `,
  )
}

/** Cut to `max` characters, with a sign that it was. */
export function short(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text
}

export function empty(text: string): Html {
  return html`<p class="empty">${text}</p>`
}

/** `99.95 %` */
export function percent(ratio: number): string {
  return `${Number((ratio * 100).toFixed(3))} %`
}

export function plural(count: number, word: string): string {
  return count === 1 ? word : `${word}s`
}

/** A number short enough to read at a glance: `12.3`, `4,210`, `1.2 M`. */
export function figure(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`
  if (value >= 100 || Number.isInteger(value)) {
    return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ',')
  }
  return value.toFixed(1)
}
