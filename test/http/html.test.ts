import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeHtml, html } from '../../src/http/html.ts'

describe('the html tag', () => {
  it('escapes every value by default, in elements and in quoted attributes', () => {
    const value = `<script>alert("x")</script> & 'y' \`z\` a=b`
    expect(html`<a title="${value}">${value}</a>`.text).toBe(
      '<a title="&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39; &#96;z&#96; a&#61;b">' +
        '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39; &#96;z&#96; a&#61;b</a>',
    )
  })

  it('keeps what is HTML already and joins lists', () => {
    const items = ['a<', 'b'].map((each) => html`<li>${each}</li>`)
    expect(html`${items}`.text).toBe('<li>a&lt;</li><li>b</li>')
  })

  it('does not take a look-alike for HTML', () => {
    const parsed = JSON.parse('{"text":"<script>"}') as never
    expect(() => html`${parsed}`.text).toThrow()
    expect(html`${['<b>', ['<i>']]}`.text).toBe('&lt;b&gt;&lt;i&gt;')
  })

  it('leaves out what is not there, and shows zero', () => {
    expect(html`${null}${undefined}${false}${0}${''}`.text).toBe('0')
  })

  it.each([
    ['\u0000', '␀'],
    ['\u001b[31m', '␛[31m'],
    ['a\r\nb\tc', 'a␍␊b␉c'],
    ['\u007f', '␡'],
    ['\u0085', '⟨0085⟩'],
    ['\u202eevil', '⟨202E⟩evil'],
    ['a\u200bb', 'a⟨200B⟩b'],
    ['\u2028', '⟨2028⟩'],
    ['\ufeff', '⟨FEFF⟩'],
    ['\ud800', '\ufffd'],
    ['naïve 日本 🙂', 'naïve 日本 🙂'],
  ])('shows the hidden in %j', (text, shown) => {
    expect(escapeHtml(text)).toBe(shown)
  })

  it('never lets a character through that means something to HTML', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // oxlint-disable-next-line no-control-regex -- they are what must not be there
        expect(escapeHtml(text)).not.toMatch(/[<>"'`=\u0000-\u001f\u007f-\u009f]/)
      }),
      { numRuns: 300 },
    )
  })
})
