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

/** Text that is safe inside an element and inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.toWellFormed().replaceAll(SPECIAL, replacement)
}

function rendered(value: HtmlValue): string {
  if (value instanceof Html) return value.text
  if (value === null || value === undefined || value === false) return ''
  if (typeof value === 'object') return value.map(rendered).join('')
  return escapeHtml(String(value))
}

/** HTML's own characters, controls, and marks that change the direction or hide in a text. */
const SPECIAL =
  // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
  /[&<>"'`=\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\uffff]/g

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
  '=': '&#61;',
}

/** Control characters are shown as pictures (U+2400 …), what has no picture by its number. */
function replacement(character: string): string {
  const entity = ENTITIES[character]
  if (entity !== undefined) return entity
  const code = character.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  if (code === 0x7f) return '\u2421'
  if (code === 0xfffd) return character
  return `⟨${code.toString(16).toUpperCase().padStart(4, '0')}⟩`
}
