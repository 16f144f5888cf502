import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadParser } from './parse.ts'
import type { ParsedSql, SqlSyntaxError } from './parse.ts'
import { statementOf } from './statement.ts'
import { findNodes } from './walk.ts'

const parser = await loadParser()

function parsed(text: string, base?: number): ParsedSql {
  const result = parser.parse(text, base)
  if (result.kind !== 'parsed') throw new Error(`${result.message}: ${text}`)
  return result
}

function rejected(text: string, base?: number): SqlSyntaxError {
  const result = parser.parse(text, base)
  if (result.kind !== 'syntax-error') throw new Error(`parsed: ${text}`)
  return result
}

/** Each is one whole statement, without blanks or comments at its ends. */
const statement = fc.constantFrom(
  'SELECT 1',
  `SELECT 'é;😀' AS "索引;"`,
  `SELECT E'it\\'s; -- not a comment', '\\'`,
  `SELECT $$ ; -- $a$ /* $$, $a$;$$;$a$`,
  `SELECT U&'\\0061;', N';'`,
  `SELECT 'a'\n  'b;--'`,
  `SELECT E'a'\n  'b\\';'`,
  'SELECT a$b$c FROM t /* ; inner /* nested ; */ */ WHERE true',
  'SELECT a <-- ; inner\n b',
  'SELECT 1 AS naïve\u00a0',
  `CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END`,
  `CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $fn$ SELECT 'é'; -- x\n $fn$`,
  `DO $$ BEGIN NULL; END $$`,
  'CREATE TABLE "é" (id bigint /* 😀 */ PRIMARY KEY)',
  `CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)`,
)

const blank = fc.constantFrom(
  '',
  ' ',
  '\n',
  '\r\n',
  '\t',
  '\f',
  '\v',
  '-- c; é\n',
  '--\r',
  '/* 😀; */',
  '/* a /* b */ ; */',
  '/***/',
  ';',
)
const gap = fc.array(blank, { maxLength: 4 }).map((parts) => parts.join(''))

describe('parse', () => {
  it('gives every statement exactly its own text and place, whatever stands between them', () => {
    fc.assert(
      fc.property(gap, fc.array(fc.tuple(statement, gap, gap)), fc.nat(1000), (before, entries, base) => {
        let text = before
        const places = entries.map(([sql, after, next]) => {
          const start = text.length
          text += `${sql}${after};${next}`
          return { text: sql, start: base + start, end: base + start + sql.length }
        })
        const { statements } = parsed(text, base)
        expect(statements.map(({ text: own, start, end }) => ({ text: own, start, end }))).toEqual(places)
        expect(statements.map(({ index }) => index)).toEqual(statements.map((_, i) => i))
      }),
      { numRuns: 500 },
    )
  })

  it('ends the last statement at its last token when no semicolon follows', () => {
    fc.assert(
      fc.property(
        gap,
        statement,
        gap.filter((text) => !text.includes(';')),
        (before, sql, after) => {
          const { statements } = parsed(before + sql + after)
          expect(statements.map((own) => own.text)).toEqual([sql])
        },
      ),
    )
  })

  it('reads nothing from a text of blanks', () => {
    fc.assert(
      fc.property(gap, (text) => {
        expect(parsed(text).statements).toEqual([])
      }),
    )
    expect(parsed('').statements).toEqual([])
  })

  it('turns the tree’s byte offsets into offsets into the file', () => {
    const text = `/* 😀 é */ SELECT 'é😀', x; SELECT "索", y`
    for (const base of [0, 100]) {
      const columns = parsed(text, base).statements.flatMap((own) =>
        findNodes(own.node, 'ColumnRef').map((column) => own.offsetOf(column.location ?? 0) - base),
      )
      expect(columns.map((offset) => text[offset])).toEqual(['x', '"', 'y'])
    }
    const [first] = parsed(text, 100).statements
    expect(first?.offsetOf(-1)).toBe(first?.start)
  })

  it('names the statement and gives its fields by kind', () => {
    const [create, other] = parsed('CREATE UNIQUE INDEX ON t (a); VACUUM').statements
    if (create === undefined || other === undefined) throw new Error('two statements')
    expect([create.tag, other.tag]).toEqual(['IndexStmt', 'VacuumStmt'])
    expect(statementOf(create, 'IndexStmt')?.unique).toBe(true)
    expect(statementOf(other, 'IndexStmt')).toBeUndefined()
  })
})

describe('a syntax error', () => {
  it('is placed in characters of the file, not bytes', () => {
    for (const before of ['', 'é', '😀😀', '索引\n']) {
      const text = `SELECT '${before}', "é" FROM t WEHRE x = 1 ORDER`
      const { message, offset, end } = rejected(text, 10)
      expect(message).toBe('syntax error at or near "x"')
      expect(text.slice(offset - 10, end - 10)).toBe('x')
    }
  })

  it.each([
    [`SELECT 'é`, `unterminated quoted string at or near "'é"`, 7],
    ['SELECT (1', 'syntax error at end of input', 9],
    ['SELECT 1 /* open', 'unterminated /* comment at or near "/* open"', 9],
    ['SELECT 1; é SELECT', 'syntax error at or near "é"', 10],
    ['SELECT \0 1', 'invalid byte sequence for encoding "UTF8": 0x00', 7],
    ['SELECT é \ud83d', 'invalid byte sequence for encoding "UTF8": lone surrogate', 9],
    ['-- \0', 'invalid byte sequence for encoding "UTF8": 0x00', 3],
  ])('of %j says what PostgreSQL says', (text, message, offset) => {
    expect(rejected(text)).toMatchObject({ message, offset })
  })

  it('ends on the line on which it begins', () => {
    expect(rejected(`SELECT 1;\nSELECT 'open\nmore`)).toMatchObject({ offset: 17, end: 22 })
  })
})

describe('the parser', () => {
  it('survives any number of texts too deep for it', async () => {
    const deep = `SELECT ${'1 + '.repeat(20_000)}1`
    for (let i = 0; i < 40; i++) {
      expect(rejected(` ${deep}`)).toMatchObject({ message: 'stack depth limit exceeded', offset: 1 })
      expect(parsed('SELECT 1').statements).toHaveLength(1)
      await loadParser()
    }
  })

  it('gives up rather than break when it gets no time to recover', async () => {
    const deep = `SELECT ${'1 + '.repeat(20_000)}1`
    const messages = Array.from({ length: 10 }, () => rejected(deep).message)
    expect(messages.at(0)).toBe('stack depth limit exceeded')
    expect(messages.at(-1)).toMatch(/^not parsed: the parser gave up/)
    await loadParser()
    expect(parsed('SELECT 1').statements).toHaveLength(1)
  })

  it('says of nesting that PostgreSQL’s grammar itself refuses what it says', () => {
    expect(rejected(`SELECT ${'('.repeat(20_000)}`).message).toMatch(/^memory exhausted/)
  })

  it('gives tokens with comments, and none for a text that the scanner rejects', () => {
    expect(parser.tokens('SELECT é -- x').map(({ name, text }) => [name, text])).toEqual([
      ['UNKNOWN', 'SELECT'],
      ['IDENT', 'é'],
      ['SQL_COMMENT', '-- x'],
    ])
    expect(parser.tokens(`SELECT '`)).toEqual([])
    expect(parser.tokens('')).toEqual([])
  })

  it('reads a large text in time in proportion to it', () => {
    const one = `INSERT INTO t VALUES (1, 'é -- not a comment', 2); -- comment\n`
    const started = performance.now()
    expect(parsed(one.repeat(20_000)).statements).toHaveLength(20_000)
    expect(performance.now() - started).toBeLessThan(10_000)
  })
})

describe('parsePlpgsql', () => {
  it('gives the code of a DO block and of a function', () => {
    expect(parser.parsePlpgsql('DO $$ BEGIN NULL; END $$')).toMatchObject({ kind: 'parsed', code: { action: {} } })
    const create =
      'CREATE FUNCTION f(a int) RETURNS TABLE (b int) LANGUAGE plpgsql AS $$ BEGIN b := a; RETURN NEXT; END $$'
    expect(parser.parsePlpgsql(create)).toMatchObject({ kind: 'parsed' })
  })

  it('knows the fields of a variable with the row type of a table', () => {
    expect(parser.parsePlpgsql('DO $$ DECLARE r s.t%ROWTYPE; BEGIN r.a := 1; END $$')).toMatchObject({ kind: 'parsed' })
  })

  it('says what PL/pgSQL rejects', () => {
    expect(parser.parsePlpgsql('DO $$ BEGIN DORP TABLE a; END $$')).toEqual({
      kind: 'syntax-error',
      message: 'syntax error at or near "DORP"',
    })
    expect(parser.parsePlpgsql('DO $$ BEGIN \0 END $$')).toMatchObject({ kind: 'syntax-error' })
    expect(parser.parsePlpgsql('SELECT 1')).toMatchObject({ kind: 'syntax-error' })
  })

  it('says so of code nested too deeply, and goes on', () => {
    const deep = `DO $$ BEGIN ${'IF a THEN '.repeat(50_000)} END $$`
    expect(parser.parsePlpgsql(deep)).toMatchObject({ kind: 'syntax-error' })
    const operands = `DO $$ BEGIN x := ${'('.repeat(100_000)}1${')'.repeat(100_000)}; END $$`
    expect(parser.parsePlpgsql(operands)).toMatchObject({ kind: 'syntax-error' })
    expect(parser.parsePlpgsql('DO $$ BEGIN NULL; END $$')).toMatchObject({ kind: 'parsed' })
  })
})
