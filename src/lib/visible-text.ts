/**
 * Text from logs or users for a terminal or a page: one line, nothing hidden, nothing that acts
 * (I10). Control characters become their pictures (U+2400 …); what has none, such as marks that
 * change the direction of text or have no width, is written by its number: `⟨202E⟩`.
 */
export function visibleText(text: string): string {
  return text.toWellFormed().replaceAll(UNSEEN, picture)
}

const UNSEEN =
  // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffc\ufffe\uffff]/g

function picture(character: string): string {
  const code = character.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  if (code === 0x7f) return '\u2421'
  return `⟨${code.toString(16).toUpperCase().padStart(4, '0')}⟩`
}
