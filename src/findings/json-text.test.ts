import fc from 'fast-check'
import { expect, it } from 'vitest'
import { jsonText } from './json-text.ts'

it('writes any value so that JSON.parse gives it back, in characters that do no harm', () => {
  const harmful = fc.array(
    fc.constantFrom('##[error]', '##', '[', '\u009b', '\u202e', '\u{e0041}', '\ud83d', '\\', 'a'),
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    harmful.map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.dictionary(text, text), (value, strings) => {
      const printed = jsonText([value, strings])
      expect(JSON.parse(printed)).toEqual(wellFormed(JSON.parse(JSON.stringify([value, strings]))))
      expect(printed).not.toMatch(/(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
      expect(printed).not.toMatch(/##\w*\[/)
    }),
  )
})

/** Plain data without lone surrogates. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\p{Cs}/gu, '\ufffd')
  if (Array.isArray(value)) return value.map(wellFormed)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [wellFormed(key), wellFormed(each)]))
}
