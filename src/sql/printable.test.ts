import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable } from './printable.ts'

describe('printable', () => {
  it('escapes what moves the cursor, colours or reorders', () => {
    expect(printable('a\x1b[31mred\x1b[0m')).toBe('a\\x1b[31mred\\x1b[0m')
    expect(printable('a\x9b2J\x7f\0')).toBe('a\\x9b2J\\x7f\\x00')
    expect(printable('user\u202etxt.sql\u2066')).toBe('user\\u202etxt.sql\\u2066')
    expect(printable('one\r\ntwo')).toBe('one\\r\\ntwo')
    expect(printable('\u{e0041}\u2028\ufeff')).toBe('\\u{e0041}\\u2028\\ufeff')
    expect(printable('\ud83d')).toBe('\\ud83d')
  })

  it('leaves ordinary text of any script alone', () => {
    for (const text of [
      'création d’index',
      '索引\tテーブル',
      'می\u200cخواهم',
      '👩\u200d💻',
      'a::int',
      'x :: y',
      '# [1]',
    ]) {
      expect(printable(text)).toBe(text)
    }
  })

  it('leaves no workflow command to a build service', () => {
    expect(printable('::set-output name=a::b')).toBe('\\::set-output name=a::b')
    expect(printable('  \t::error::x')).toBe('  \t\\::error::x')
    expect(printable('note ##[error]x ##vso[task.complete] ##teamcity[x]')).toBe(
      'note #\\#[error]x #\\#vso[task.complete] #\\#teamcity[x]',
    )
    fc.assert(
      fc.property(fc.array(fc.constantFrom(':', ' ', '#', '[', '\n', '\t', 'a')), (characters) => {
        const printed = printable(characters.join(''))
        expect(printed.trimStart().startsWith('::')).toBe(false)
        expect(printed).not.toMatch(/##\w*\[/)
      }),
    )
  })

  it('never prints a control or a line break, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/(?!\t)\p{Cc}|\p{Zl}|\p{Zp}|\p{Cs}|[\u202a-\u202e\u2066-\u2069]/u)
      }),
    )
  })

  it('does not change what it has already made printable', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(printable(text))).toBe(printable(text))
      }),
    )
  })
})
