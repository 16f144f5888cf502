import { readFileSync, readdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadParser } from '../sql/parse.ts'
import { checksumOf, isComparable, statementHash } from './checksum.ts'

const parser = await loadParser()

/** A token by itself, and what makes another of it. */
const token = fc.oneof(
  fc.constantFrom('create', 'table', 'orders', '"Orders"', 'ü', '(', ')', ',', ';', '1', '1.5', '0x1f', '$1', '::'),
  fc.constantFrom('=', '<>', '->>', '@-', "'a'", "'a  b'", "E'it\\'s'", "'it''s'", '$$a -- b$$', "N'a'", "B'1'", 'x$'),
)
const gap = fc.constantFrom(' ', '\n', '\t', '\r\n', '\f', ' -- a comment\n', '/* b /* c */ ; */', '\n\n  ')

const folder = new URL('../../examples/', import.meta.url)
const examples = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.sql'))
  .map((name) => readFileSync(new URL(name, folder), 'utf8'))

describe('checksumOf', () => {
  it('is the algorithm’s version and a SHA-256', () => {
    expect(checksumOf('SELECT 1;')).toMatch(/^1:[0-9a-f]{64}$/)
  })

  it('never changes for a text: these are in histories', () => {
    expect(checksumOf('')).toBe('1:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(checksumOf(`-- kei: lock-timeout 5s\nCREATE TABLE "T" (a int DEFAULT 1.5);\n`)).toMatchInlineSnapshot(
      `"1:8c9aa65d2d7868ca1f248a4319b2eac0b434ed906ec243e62f82defe5098a975"`,
    )
  })

  it('is the same for the same tokens, whatever comments and white space are between them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(token, gap, gap)), (parts) => {
        const one = parts.map(([text, before]) => before + text).join('')
        const other = parts.map(([text, , after]) => text + after).join('')
        // A string that a line break joins to the next is another one.
        fc.pre(!/'[^'\S\n]*\n\s*'/.test(one + other) && !/'\s*(--[^\n]*\n|\s)*'/.test(one + other))
        expect(checksumOf(`${other}`)).toBe(checksumOf(`${one} `))
      }),
    )
  })

  it('is another one when a token is added, taken away, changed or moved', () => {
    fc.assert(
      fc.property(fc.array(token), fc.array(token), (one, other) => {
        const [a, b] = [one.join(' '), other.join(' ')]
        expect(checksumOf(a) === checksumOf(b)).toBe(a === b)
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['SELECT 1', 'select\t1'],
    ['SELECT Foo_$x', 'SELECT foo_$X'],
    ['SELECT 1 + 2', 'SELECT 1+2'],
    ['a--b\n', 'a'],
    [`SELECT 'a'\n  'b'`, `SELECT 'a' -- c\n'b'`],
    ['-- c\nSELECT 1;\n', 'SELECT 1;'],
    ['-- kei: lock-timeout 5s\nSELECT 1', '--kei:lock-timeout 5000ms\n\n-- more\nSELECT 1'],
    ['-- kei: ignore no-x: why\nSELECT 1', 'SELECT 1'],
  ])('is the same for %j and %j', (one, other) => {
    expect(checksumOf(other)).toBe(checksumOf(one))
  })

  it.each([
    ['a b', 'ab'],
    ['a b', 'a  "b"'],
    ['SELECT "Foo"', 'SELECT "foo"'],
    ['SELECT Ü', 'SELECT ü'],
    [`SELECT 'A'`, `SELECT 'a'`],
    [`SELECT E'A'`, `SELECT E'a'`],
    [`SELECT U&"A"`, `SELECT U&"a"`],
    [`SELECT 'a b'`, `SELECT 'a  b'`],
    [`SELECT 'a' 'b'`, `SELECT 'a'\n'b'`],
    [`SELECT 'a''b'`, `SELECT 'a'\n'b'`],
    [`SELECT e 'a'`, `SELECT e'a'`],
    [`SELECT n 'a'`, `SELECT n'a'`],
    [`SELECT u & 'a'`, `SELECT u&'a'`],
    ['SELECT $$A$$', 'SELECT $$a$$'],
    ['SELECT $$a\n-- b\n$$', 'SELECT $$a\n$$'],
    ['SELECT a <-b', 'SELECT a <@-b'],
    ['SELECT a - - b', 'SELECT a --b'],
    ['SELECT 1.5', 'SELECT 1 .5'],
    ['SELECT 1; SELECT 2', 'SELECT 1 SELECT 2'],
    ['SELECT 1', '-- kei: transaction none\nSELECT 1'],
    ['-- kei: irreversible a\nSELECT 1', '-- kei: irreversible b\nSELECT 1'],
    ['-- kei: lock-timeout 5s\nSELECT 1', '-- kei: lock-timeout 5min\nSELECT 1'],
  ])('is another one for %j and %j', (one, other) => {
    expect(checksumOf(other)).not.toBe(checksumOf(one))
  })

  it('of the examples changes with every token that is taken out, and with no comment', () => {
    expect(examples.length).toBeGreaterThan(5)
    for (const text of examples) {
      const whole = checksumOf(text)
      for (const { start, end, name } of parser.tokens(text)) {
        const without = `${text.slice(0, start)} ${text.slice(end)}`
        const isComment = name === 'SQL_COMMENT' || name === 'C_COMMENT'
        expect(checksumOf(without) === whole, text.slice(start, end)).toBe(isComment)
      }
    }
  })
})

describe('isComparable', () => {
  it('is true of this algorithm only', () => {
    expect(isComparable(checksumOf('SELECT 1'))).toBe(true)
    expect(isComparable(`2:${'0'.repeat(64)}`)).toBe(false)
    expect(isComparable(`11:${'0'.repeat(64)}`)).toBe(false)
  })
})

describe('statementHash', () => {
  it('is 32 hexadecimal digits that comments and case do not change', () => {
    expect(statementHash('CREATE TABLE a (b int)')).toMatch(/^[0-9a-f]{32}$/)
    expect(statementHash('create table A -- c\n(b INT)')).toBe(statementHash('CREATE TABLE a (b int)'))
    expect(statementHash('create table a (c int)')).not.toBe(statementHash('CREATE TABLE a (b int)'))
  })
})
