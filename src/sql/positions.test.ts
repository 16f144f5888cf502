import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAscii, positionsOf, utf16OffsetOfCharacter, utf16Offsets } from './positions.ts'

/** Characters of one to four bytes, line breaks, and halves of surrogate pairs. */
const text = fc
  .array(fc.constantFrom('a', '\n', '\r', 'é', '索', '😀', '\ud83d', '\ude00', 'x'.repeat(200), 'é'.repeat(90)), {
    maxLength: 40,
  })
  .map((parts) => parts.join(''))

/** Byte offset of each UTF-16 offset, found by encoding every prefix that ends between characters. */
function byteOffsets(of: string): { byte: number; unit: number }[] {
  const found = [{ byte: 0, unit: 0 }]
  let byte = 0
  let unit = 0
  for (const character of of) {
    byte += Buffer.from(character).length
    unit += character.length
    found.push({ byte, unit })
  }
  return found
}

describe('utf16Offsets', () => {
  it('agrees with encoding every prefix, lone surrogates among it', () => {
    fc.assert(
      fc.property(text, (value) => {
        const toUtf16 = utf16Offsets(value)
        for (const { byte, unit } of byteOffsets(value)) expect(toUtf16(byte)).toBe(unit)
      }),
      { numRuns: 300 },
    )
  })

  it('rounds an offset inside a character down to its start, and one past the end to the end', () => {
    const toUtf16 = utf16Offsets('a😀é')
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 99].map(toUtf16)).toEqual([0, 1, 1, 1, 1, 3, 3, 4, 4, 4])
    expect(utf16Offsets('abc')(99)).toBe(3)
    fc.assert(
      fc.property(text, (value) => {
        const toUtf16 = utf16Offsets(value)
        const known = byteOffsets(value)
        const total = known.at(-1)?.byte ?? 0
        for (let byte = 0; byte <= total; byte += 1 + (total >> 6)) {
          expect(toUtf16(byte)).toBe(known.findLast((entry) => entry.byte <= byte)?.unit)
        }
      }),
    )
  })
})

describe('utf16OffsetOfCharacter', () => {
  it('counts characters, not bytes or units', () => {
    fc.assert(
      fc.property(text, fc.nat(50), (value, count) => {
        expect(utf16OffsetOfCharacter(value, count)).toBe([...value].slice(0, count).join('').length)
      }),
    )
  })
})

describe('positionsOf', () => {
  it('agrees with splitting the text into lines', () => {
    fc.assert(
      fc.property(text, (value) => {
        const positionOf = positionsOf(value)
        for (let offset = 0; offset <= value.length; offset += 1 + (value.length >> 6)) {
          const lines = value.slice(0, offset).split('\n')
          expect(positionOf(offset)).toEqual({ line: lines.length, column: (lines.at(-1) ?? '').length + 1 })
        }
      }),
    )
  })
})

describe('isAscii', () => {
  it('is true only when every unit is one byte', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(isAscii(value)).toBe([...value].every((character) => (character.codePointAt(0) ?? 0) < 128))
      }),
    )
  })
})
