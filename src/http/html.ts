import { visibleText } from '../lib/visible-text.ts'

/** A piece of HTML in which everything from outside has been escaped. */
export class Html {
  readonly text: string

  /** Only for the tag below and for constants: what goes in here is not escaped. */
  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

/** What a template may hold: pieces of HTML stay, lists are joined, everything else is escaped. */
export type HtmlValue =
  | Html
  | string
  | number
  | bigint
  | null
  | undefined
  | false
  | readonly HtmlValue[]

/**
 * The one way HTML is made (I10): `html` escapes whatever is put into a template unless it is
 * HTML already. Attribute values must stand in double quotes, which the tests check.
 */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = parts[0] ?? ''
  for (const [i, value] of values.entries()) text += rendered(value) + (parts[i + 1] ?? '')
  return new Html(text)
}

/** Text that is safe inside an element and inside a quoted attribute; controls become visible. */
export function escapeHtml(text: string): string {
  return visibleText(text).replaceAll(/[&<>"'`=]/g, (character) => ENTITIES[character] ?? '')
}

function rendered(value: HtmlValue): string {
  if (value instanceof Html) return value.text
  if (value === null || value === undefined || value === false) return ''
  if (typeof value === 'object') return value.map(rendered).join('')
  return escapeHtml(String(value))
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
  '=': '&#61;',
}
