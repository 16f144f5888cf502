import { describe, expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-narrowing-type.ts'

const table = `CREATE TABLE t (
  s varchar(50), x text, i int, l bigint, n numeric(10,2), f float8, z timestamptz, j jsonb, k bigserial, a int[]
);
CREATE DOMAIN short AS varchar(10); CREATE DOMAIN mail AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE mood AS ENUM ('good');`
const judged = (sql: string, ...earlier: string[]) => judgeExample(rule, history(table, ...earlier, sql), 17, 'text')
const changed = (column: string, to: string) => `ALTER TABLE t ALTER COLUMN ${column} TYPE ${to}`

describe('finds nothing in', () => {
  test.each([
    changed('s', 'varchar(100)'),
    changed('s', 'text'),
    changed('x', 'varchar'),
    changed('i', 'bigint'),
    changed('i', 'numeric'),
    changed('n', 'numeric(12,2)'),
    changed('n', 'numeric(14,4)'),
    changed('n', 'numeric'),
    changed('z', 'timestamp'),
    changed('z', 'text'),
    changed('k', 'bigint'),
    changed('a', 'bigint[]'),
    changed('f', 'numeric'),
    'ALTER TABLE t ADD COLUMN c text; ALTER TABLE t ALTER COLUMN c TYPE varchar(3)',
    'CREATE TABLE u (c text); ALTER TABLE u ALTER COLUMN c TYPE int USING c::int',
    'CREATE TEMP TABLE u (c text); ALTER TABLE u ALTER COLUMN c TYPE int USING c::int',
    'ALTER TABLE unknown ALTER COLUMN c TYPE text',
  ])('%s', async (sql) => {
    expect(await judged(sql)).toMatchObject({ findings: [], unknown: [] })
  })
})

describe('finds', () => {
  test.each([
    [changed('s', 'varchar(10)'), 'varchar(10) narrows t.s from varchar(50): a longer value makes it fail'],
    [
      changed('s', 'varchar(10) USING s::varchar(10)'),
      'varchar(10) narrows t.s from varchar(50): the cast in USING cuts longer values off',
    ],
    [changed('x', 'char(3)'), 'char(3) narrows t.x from text: a longer value makes it fail'],
    [changed('l', 'integer'), 'integer narrows t.l from bigint: a larger value makes it fail'],
    [changed('k', 'integer'), 'integer narrows t.k from bigserial: a larger value makes it fail'],
    [
      changed('n', 'numeric(10,1)'),
      'numeric(10,1) narrows t.n from numeric(10,2): what is behind the point after 1 digit is rounded off',
    ],
    [changed('n', 'numeric(8,2)'), 'numeric(8,2) narrows t.n from numeric(10,2): a larger value makes it fail'],
    [changed('f', 'real'), 'real narrows t.f from double precision: what is more than 6 digits is rounded off'],
    [changed('z', 'date'), 'date narrows t.z from timestamptz: the time of day of each value is cut off'],
    [
      changed('z', 'timestamptz(3)'),
      'timestamptz(3) narrows t.z from timestamptz: fractions of a second are rounded off',
    ],
    [changed('x', 'int USING x::int'), 'integer narrows t.x from text: a text that is no integer makes it fail'],
    [changed('x', 'mood USING x::mood'), 'mood narrows t.x from text: a text that is no mood makes it fail'],
    [changed('x', 'short'), 'short narrows t.x from text: a longer value makes it fail'],
    [changed('x', 'mail'), 'mail narrows t.x from text: a value that the domain mail refuses makes it fail'],
    [changed('i', 'boolean USING i <> 0'), 'boolean narrows t.i from integer: every number but 0 becomes true'],
  ])('%s', async (sql, message) => {
    const { findings } = await judged(sql)
    expect(findings.map((finding) => finding.message)).toEqual([`ALTER COLUMN … TYPE ${message}`])
  })

  test('two columns in one statement, each by itself', async () => {
    const { findings } = await judged(
      `${changed('s', 'varchar(5)')}, ALTER COLUMN n TYPE int, ALTER COLUMN i TYPE bigint`,
    )
    expect(findings.map(({ message }) => /narrows (\S+)/.exec(message)?.[1])).toEqual(['t.s', 't.n'])
  })

  test('what an earlier file made of the type', async () => {
    expect((await judged(changed('s', 'varchar(100)'), changed('s', 'text'))).findings).toHaveLength(1)
    const { findings } = await judged(changed('s', 'varchar(40)'), changed('s', 'varchar(30)'))
    expect(findings).toMatchObject([{ location: { file: 'migrations/0002_step.sql' } }])
  })
})

describe('does not know', () => {
  test.each([
    ['ALTER TABLE unknown ALTER COLUMN c TYPE int', 'the type of unknown.c'],
    [changed('j', 'int USING (j->>0)::int'), 'the values of t.j'],
    ['ALTER TABLE t ALTER COLUMN i TYPE timestamptz USING to_timestamp(i)', 'the values of t.i'],
  ])('%s', async (sql, needs) => {
    expect(await judged(sql)).toMatchObject({ findings: [], unknown: [needs] })
  })
})

describe('what it says', () => {
  test('names are written as pg_dump and PostgreSQL read them', async () => {
    const texts = [
      'CREATE SCHEMA s; CREATE TABLE s."Order" ("odd.name" text);',
      'ALTER TABLE s."Order" ALTER "odd.name" TYPE varchar(3);',
    ]
    const { findings } = await judgeExample(rule, history(...texts), 17, 'text')
    expect(findings[0]?.message).toContain('narrows s."Order"."odd.name" from text')
    expect(findings[0]?.next).toContain(`--table='s."Order"'`)
  })

  test.each([
    ['interval', 'interval(2)', 'TYPE interval(2) narrows t.i from interval:'],
    ['interval', 'interval day to second(3)', 'TYPE interval day to second(3) narrows t.i from interval:'],
    ['interval(4)', 'interval(2)', 'TYPE interval(2) narrows t.i from interval(4):'],
    ['interval', 'interval year to month', 'TYPE interval year to month narrows t.i from interval:'],
  ])('an interval has its precision and its fields: %s to %s', async (from, to, message) => {
    const texts = [`CREATE TABLE t (i ${from});`, `ALTER TABLE t ALTER i TYPE ${to};`]
    const { findings } = await judgeExample(rule, history(...texts), 17, 'text')
    expect(findings[0]?.message).toContain(message)
  })

  test.each([
    ['text', 'varchar(5)', true],
    ['bigint', 'int', true],
    ['text', 'int USING i::int', false],
    ['timestamptz', 'date', true],
  ])('a CHECK is advised where it can be the limit: %s to %s', async (from, to, isAdvised) => {
    const texts = [`CREATE TABLE t (i ${from});`, `ALTER TABLE t ALTER i TYPE ${to};`]
    const { findings } = await judgeExample(rule, history(...texts), 17, 'text')
    expect(findings[0]?.next.includes('NOT VALID')).toBe(isAdvised)
  })
})
