import { readFileSync, readdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockCommentEnd, skipBlank, skipSpace } from './blank.ts'
import { loadParser } from './parse.ts'
import type { Token } from './parse.ts'
import { lastTokenEnd, tokenEnd, withPlainJoints } from './token.ts'

const parser = await loadParser()

function tokensOf(text: string): string[] {
  const found: string[] = []
  for (let at = skipSpace(text, 0); at < text.length;) {
    const end = tokenEnd(text, at)
    found.push(text.slice(at, end))
    at = skipSpace(text, end)
  }
  return found
}

/**
 * The scanner's tokens without comments. Undefined for what it rejects (an open string, `1a`), and where the library's,
 * unlike the server's, lets no comment stand between the parts of one string.
 */
function scannedTokens(text: string): string[] | undefined {
  const tokens = parser.tokens(text)
  if (tokens.length === 0 || /'\s*--[^\n\r]*[\n\r][^']*'/.test(text)) return undefined
  const found: string[] = []
  let before: Token | undefined
  for (const token of tokens) {
    if (token.name === 'SQL_COMMENT' || token.name === 'C_COMMENT') continue
    // Of N'…' the scanner makes a keyword and a string.
    const isNational = token.name === 'SCONST' && before?.end === token.start && /^n$/i.test(before.text)
    found.push(isNational ? `${found.pop()}${token.text}` : token.text)
    before = token
  }
  return found
}

describe('tokenEnd', () => {
  it.each([
    [`SELECT E'it\\'s -- not' , 'a''b\\'`, ['SELECT', `E'it\\'s -- not'`, ',', `'a''b\\'`]],
    [`fooE'\\' -- comment`, ['fooE', `'\\'`]],
    [`éE'\\' -- comment`, ['éE', `'\\'`]],
    [`U&'\\0061' u&"a""b" U & 'a' fooU&"a"`, [`U&'\\0061'`, 'u&"a""b"', 'U', '&', `'a'`, 'fooU', '&', '"a"']],
    [`N'a' B'1''0' X'f'\n'e' N 'a'`, [`N'a'`, `B'1'`, `'0'`, `X'f'\n'e'`, 'N', `'a'`]],
    ['"a""b""" "c"', ['"a""b"""', '"c"']],
    [`a$b$c $b$ -- ' $b$ $1`, ['a$b$c', `$b$ -- ' $b$`, '$1']],
    ['$$a$b$c$$ $é1$ $$ $é1$', ['$$a$b$c$$', '$é1$ $$ $é1$']],
    [`$1$$a$$`, ['$1', '$$a$$']],
    [`'a'\n 'b''c'\r\t'd' 'e'`, [`'a'\n 'b''c'\r\t'd'`, `'e'`]],
    [`E'a' -- it's\n 'b\\'c' x`, [`E'a' -- it's\n 'b\\'c'`, 'x']],
    [`a <--b\nc @/* d */e`, ['a', '<', 'c', '@', 'e']],
    [`a <-b @- c *- -d || e->>'f' ~~* <>-+g;`, `a,<,-,b,@-,c,*,-,-,d,||,e,->>,'f',~~*,<>,-,+,g,;`.split(',')],
    [`a:=b::c=>d e[1:2]`, 'a,:=,b,::,c,=>,d,e,[,1,:,2,]'.split(',')],
    [`1.5e-3--c\n1..2 .5 a.5 1.e5 0x1F 1_000.5`, '1.5e-3,1,..,2,.5,a,.5,1.e5,0x1F,1_000.5'.split(',')],
    [`'open -- x`, [`'open -- x`]],
    [`"open"" -- x`, [`"open"" -- x`]],
    [`$tag$ open $tag`, ['$tag$ open $tag']],
    [`a\u00a0b c`, ['a\u00a0b', 'c']],
  ])('reads %j', (text, expected) => {
    expect(tokensOf(text)).toEqual(expected)
  })

  it('reads the tokens that PostgreSQL’s scanner reads, and its comments as blank', () => {
    const piece = fc.constantFrom(
      ...["'", "''", 'E', 'e', 'U&', 'N', 'b', 'X', '\\', '"', '""', '$', '$$', '$a$', '$1', 'a', 'é', '😀'],
      ...['0', '1', '.', '_', '-', '--', '+', '/*', '*/', '/', '*', '<', '>', '=', '@', '|', ':', '(', ';'],
      ...[' ', '\n', '\r', '\t', '\v'],
    )
    let scanned = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
        const text = pieces.join('')
        const expected = scannedTokens(text)
        if (expected === undefined) return
        scanned++
        expect(tokensOf(text)).toEqual(expected)
      }),
      { numRuns: 5_000 },
    )
    expect(scanned).toBeGreaterThan(1000)
  })

  it('reads statements as PostgreSQL’s scanner does, whatever operators and numbers are in them', () => {
    const operator = fc.string({ unit: fc.constantFrom(...'+-*/<>=~!@#%^&|`?'), minLength: 1, maxLength: 6 })
    const digits = fc.stringMatching(/^\d{1,3}(_\d{1,2})?$/)
    const number = fc.oneof(
      digits,
      fc.tuple(digits, digits).map((parts) => parts.join('.')),
      digits.map((text) => `.${text}`),
      digits.map((text) => `${text}.`),
      fc.tuple(digits, fc.constantFrom('e', 'E', 'e-', 'E+'), digits).map((parts) => parts.join('')),
      fc.constantFrom('0xFf', '0b10', '0o17', '0X_1f', '$1', '1..2'),
    )
    const word = fc.constantFrom('select', 'a', '"b""c"', `'d'`, `E'\\''`, `U&"e"`, `B'1'`, '$$f$$', 'ü', '(', '::')
    const gap = fc.constantFrom('', '', ' ', '\n', '/* - */', '-- a\n')
    let scanned = 0
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.oneof(operator, number, word), gap), { maxLength: 12 }), (parts) => {
        const text = parts.flat().join('')
        const expected = scannedTokens(text)
        if (expected === undefined) return
        scanned++
        expect(tokensOf(text)).toEqual(expected)
      }),
      { numRuns: 5_000 },
    )
    expect(scanned).toBeGreaterThan(1000)
  })

  it('reads every file of the examples as PostgreSQL’s scanner does', () => {
    const folder = new URL('../../examples/', import.meta.url)
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.sql'))
    expect(files.length).toBeGreaterThan(5)
    for (const file of files) {
      const text = readFileSync(new URL(file, folder), 'utf8')
      expect(tokensOf(text), file).toEqual(scannedTokens(text))
    }
  })
})

describe('withPlainJoints', () => {
  it.each([
    [`'a'\n 'b''c'\r\t'd'`, `'a'\n'b''c'\n'd'`],
    [`E'a' -- it's\n 'b\\'\n\\'c'`, `E'a'\n'b\\'\n\\'c'`],
    [`'a''\n ''b'`, `'a''\n ''b'`],
    [`B'1'\n\n'0'`, `B'1'\n'0'`],
    [`$$'a'\n 'b'$$`, `$$'a'\n 'b'$$`],
    [`"'a'\n 'b'"`, `"'a'\n 'b'"`],
    ['name', 'name'],
  ])('writes %j', (token, expected) => {
    expect(withPlainJoints(token)).toBe(expected)
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

describe('skipBlank', () => {
  it('passes over semicolons too, which skipSpace does not', () => {
    const text = ' -- a;\n ; /* b */ ; c'
    expect(skipBlank(text, 0)).toBe(text.indexOf('c'))
    expect(skipSpace(text, 0)).toBe(text.indexOf('; /*'))
  })
})
