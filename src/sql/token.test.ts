import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockCommentEnd, skipBlank } from './blank.ts'
import { loadParser } from './parse.ts'
import { lastTokenEnd, tokenEnd } from './token.ts'

const parser = await loadParser()

function tokensOf(text: string): string[] {
  const found: string[] = []
  for (let at = skipBlank(text, 0); at < text.length;) {
    const end = tokenEnd(text, at)
    found.push(text.slice(at, end))
    at = skipBlank(text, end)
  }
  return found
}

describe('tokenEnd', () => {
  it.each([
    [`SELECT E'it\\'s -- not' , 'a''b\\'`, ['SELECT', `E'it\\'s -- not'`, ',', `'a''b\\'`]],
    [`fooE'\\' -- comment`, ['fooE', `'\\'`]],
    [`éE'\\' -- comment`, ['éE', `'\\'`]],
    [`U&'\\0061' U&"a""b"`, ['U', '&', `'\\0061'`, 'U', '&', '"a"', '"b"']],
    [`N'a' B'1' X'f'`, ['N', `'a'`, 'B', `'1'`, 'X', `'f'`]],
    [`a$b$c $b$ -- ' $b$ $1`, ['a$b$c', `$b$ -- ' $b$`, '$1']],
    ['$$a$b$c$$ $é1$ $$ $é1$', ['$$a$b$c$$', '$é1$ $$ $é1$']],
    [`$1$$a$$`, ['$1', '$$a$$']],
    [`'a'\n 'b''c'\r\t'd' 'e'`, [`'a'\n 'b''c'\r\t'd'`, `'e'`]],
    [`E'a' -- it's\n 'b\\'c' x`, [`E'a' -- it's\n 'b\\'c'`, 'x']],
    [`a <--b\nc @/* d */e`, ['a', '<', 'c', '@', 'e']],
    [`1.5e-3--c\n1..2`, ['1', '.', '5e', '-', '3', '1', '.', '.', '2']],
    [`'open -- x`, [`'open -- x`]],
    [`$tag$ open $tag`, ['$tag$ open $tag']],
    [`a\u00a0b c`, ['a\u00a0b', 'c']],
  ])('reads %j', (text, expected) => {
    expect(tokensOf(text)).toEqual(expected)
  })

  it('cuts nowhere inside a token of PostgreSQL’s scanner, and reads its comments as blank', () => {
    const piece = fc.constantFrom(
      ...["'", "''", 'E', 'e', 'U&', 'N', '\\', '"', '$', '$$', '$a$', '$1', 'a', 'é', '😀', '1', '.', '_', '-', '--'],
      ...['/*', '*/', '/', '*', '<', '@', ' ', '\n', '\r', '\t', '\v', ';', '(', ':', '::'],
    )
    let scanned = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
        const text = pieces.join('')
        const tokens = parser.tokens(text)
        // The scanner gives nothing for what it rejects: an open string, `1a`. And the library's, unlike the server's,
        // lets no comment stand between the parts of one string.
        if (tokens.length === 0 || /'\s*--[^\n\r]*[\n\r][^']*'/.test(text)) return
        scanned++
        const cuts = new Set<number>()
        const blank: boolean[] = Array.from({ length: text.length }, () => false)
        for (let at = 0; at < text.length;) {
          const start = skipBlank(text, at)
          blank.fill(true, at, start)
          cuts.add(start)
          at = start === text.length ? start : tokenEnd(text, start)
          cuts.add(at)
        }
        for (const token of tokens) {
          const isBlank = ['SQL_COMMENT', 'C_COMMENT', 'ASCII_59'].includes(token.name)
          expect(
            blank.slice(token.start, token.end).every((value) => value === isBlank),
            token.name,
          ).toBe(true)
          if (!isBlank) expect([cuts.has(token.start), cuts.has(token.end)]).toEqual([true, true])
        }
      }),
      { numRuns: 3_000 },
    )
    expect(scanned).toBeGreaterThan(500)
  })
})

describe('lastTokenEnd', () => {
  it.each([
    ['SELECT 1 \n\t', 'SELECT 1'],
    ['SELECT 1 -- a\n /* b */ ', 'SELECT 1'],
    [`SELECT '--' -- a`, `SELECT '--'`],
    ['SELECT a - /* b */ 1', 'SELECT a - /* b */ 1'],
    ['SELECT 1 AS a\u00a0', 'SELECT 1 AS a\u00a0'],
  ])('cuts %j', (text, expected) => {
    expect(text.slice(0, lastTokenEnd(text, 0, text.length))).toBe(expected)
  })
})

describe('blockCommentEnd', () => {
  it('reads nested comments, and an open one to the end', () => {
    expect(blockCommentEnd('/*/*/*/**/*/*/*/x', 0)).toBe(16)
    expect(blockCommentEnd('/**/x', 0)).toBe(4)
    expect(blockCommentEnd('/*/x', 0)).toBe(4)
  })
})
