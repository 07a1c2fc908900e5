import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lowerCased, words } from '../../../src/rules/language/words.ts'

describe('the words of an analysed field', () => {
  test.each([
    ['Failed password for root', ['failed', 'password', 'for', 'root']],
    ['brown-fox', ['brown', 'fox']],
    ['10.0.0.1:50010', ['10.0.0.1', '50010']],
    ['time: 0.2477829, 1,024', ['time', '0.2477829', '1,024']],
    ['a.b a1.b a.1', ['a.b', 'a1', 'b', 'a', '1']],
    ['colon: a:b:c x::y', ['colon', 'a:b:c', 'x', 'y']],
    ["don't 'quoted'", ["don't", 'quoted']],
    ['foo_bar __x _ ___ _1_', ['foo_bar', '__x', '_1_']],
    ['sshd[24200]: (code=111)', ['sshd', '24200', 'code', '111']],
    ['C:\\Windows\\cmd.exe', ['c', 'windows', 'cmd.exe']],
    ['Größe Übermut naïve', ['größe', 'übermut', 'naïve']],
    ['cafe\u0301 x', ['cafe\u0301', 'x']],
    ['日本語 ログ メッセージ', ['日', '本', '語', 'ログ', 'メッセージ']],
    ['ひら', ['ひ', 'ら']],
    ['서울 가다', ['서울', '가다']],
    ['ภาษาไทย', ['ภาษาไทย']],
    ['a😀b', ['a', '😀', 'b']],
    ['١٢٣ ½', ['١٢٣']],
    ['!!! -- …', []],
    ['', []],
  ])('%j', (text, expected) => {
    expect(words(text)).toEqual(expected)
  })

  test('a word of more than 255 characters is cut', () => {
    expect(words('x'.repeat(600)).map((word) => word.length)).toEqual([255, 255, 90])
  })

  test('lower case goes letter by letter', () => {
    expect(lowerCased('ΣΑΣ İI Straße')).toBe('σασ ii straße')
  })

  test('every text gives lower-cased words in its order, and each is its own only word', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        let rest = lowerCased(text)
        for (const word of words(text)) {
          const at = rest.indexOf(word)
          expect(at).toBeGreaterThanOrEqual(0)
          rest = rest.slice(at + word.length)
          expect(words(word)).toEqual([word])
        }
      }),
      { numRuns: 300 },
    )
  })
})
