import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadParser } from './parse.ts'
import { framesOf } from './syntax-frame.ts'

const parser = await loadParser()

function frameOf(text: string, place: string, width = 80): string[] {
  const start = text.indexOf(place)
  const { line, column, excerpt, marker } = framesOf(text)({ start, end: start + place.length }, width)
  return [`${line}:${column}`, excerpt, marker]
}

describe('framesOf', () => {
  it('points at a syntax error as PostgreSQL does', () => {
    const sql = 'SELECT 1;\n  CREATE TABL orders (id int);\n'
    const parsed = parser.parse(sql)
    if (parsed.kind !== 'syntax-error') throw new Error('parsed')
    const { line, column, excerpt, marker } = framesOf(sql)({ start: parsed.offset, end: parsed.end }, 80)
    expect([`${line}:${column} ${parsed.message}`, excerpt, marker]).toEqual([
      '2:10 syntax error at or near "TABL"',
      '  CREATE TABL orders (id int);',
      '         ^^^^',
    ])
  })

  it('points at the end of the text when something is missing there', () => {
    const sql = 'SELECT (1'
    const parsed = parser.parse(sql)
    if (parsed.kind !== 'syntax-error') throw new Error('parsed')
    const { excerpt, marker } = framesOf(sql)({ start: parsed.offset, end: parsed.end }, 80)
    expect([parsed.message, excerpt, marker]).toEqual(['syntax error at end of input', 'SELECT (1', '         ^'])
  })

  it('counts tabs to the next stop and wide characters as two columns', () => {
    expect(frameOf('\ta\tFROM x', 'FROM')).toEqual(['1:4', '    a   FROM x', '        ^^^^'])
    expect(frameOf(`SELECT '索引 😀é' frm`, 'frm')).toEqual(['1:17', `SELECT '索引 😀é' frm`, `                  ^^^`])
    expect(frameOf(`SELECT 'e\u0301' frm`, 'frm')).toEqual(['1:13', `SELECT 'e\u0301' frm`, '           ^^^'])
  })

  it('escapes what a terminal or a build service would act on', () => {
    expect(frameOf(`SELECT '\x1b[31m' frm`, 'frm')).toEqual(['1:16', `SELECT '\\x1b[31m' frm`, '                  ^^^'])
    expect(frameOf(`-- ##vso[x] frm`, 'frm')).toEqual(['1:13', `-- #\\#vso[x] frm`, '             ^^^'])
    expect(frameOf('SELECT 1 frm\r\nx', 'frm')).toEqual(['1:10', 'SELECT 1 frm', '         ^^^'])
  })

  it('shows no secret, not even where the place is one', () => {
    const sql = `CREATE ROLE app PASSWORD\n  'hunter2' LOGN`
    expect(frameOf(sql, 'LOGN')).toEqual(['2:13', `  '********' LOGN`, '             ^^^^'])
    expect(frameOf(sql, 'ter2')).toEqual(['2:7', `  '********' LOGN`, '   ^^^^^^^^'])
  })

  it('marks the first line of a place that goes on', () => {
    expect(frameOf('SELECT (1,\n2)', '(1,\n2)')).toEqual(['1:8', 'SELECT (1,', '       ^^^'])
  })

  it('cuts a long line around the place', () => {
    const sql = `SELECT ${'a, '.repeat(50)}frm ${'b, '.repeat(50)}c`
    expect(frameOf(sql, 'frm', 40)).toEqual(['1:158', `… a, a, a, a, frm b, b, b, b, b, b, b, …`, '              ^^^'])
    expect(frameOf(sql, 'SELECT', 40)).toEqual(['1:1', `SELECT a, a, a, a, a, a, a, a, a, a, a…`, '^^^^^^'])
    expect(frameOf(`${'a, '.repeat(50)}frm`, 'frm', 40)[1]).toMatch(/^….{35}frm$/)
  })

  it('keeps to the width, and the caret under the place, whatever the line', () => {
    const unit = fc.constantFrom('a', ' ', '\t', '索', '😀', '\x1b', "'", '\u0301', '#', '[', '\n', 'é')
    fc.assert(
      fc.property(fc.array(unit), fc.array(unit), fc.integer({ min: 20, max: 60 }), (before, after, width) => {
        const text = `${before.join('')}§${after.join('')}`
        const start = text.indexOf('§')
        const { excerpt, marker } = framesOf(text)({ start, end: start + 1 }, width)
        expect(columns(excerpt)).toBeLessThanOrEqual(width)
        expect(excerpt).toContain('§')
        expect(marker).toBe(`${' '.repeat(columns(excerpt.slice(0, excerpt.indexOf('§'))))}^`)
      }),
      { numRuns: 500 },
    )
  })

  it('frames places in a text of one enormous line', () => {
    const text = `INSERT INTO t VALUES ${"(1, 'postgres://a:b@c'), ".repeat(100_000)}`
    const frame = framesOf(text)
    const started = performance.now()
    for (let i = 0; i < 100; i++) frame({ start: i * 20_000, end: i * 20_000 + 1 }, 80)
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})

/** The same count by other means: every character that the tests use, by name. */
function columns(text: string): number {
  let count = 0
  for (const character of text) count += character === '\u0301' ? 0 : '索😀'.includes(character) ? 2 : 1
  return count
}
