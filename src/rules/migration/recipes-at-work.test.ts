import { describe, expect, test } from 'vitest'
import type { Client } from 'pg'
import { majors, withDatabase } from '../../../test/postgres.ts'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import { loadParser } from '../../sql/parse.ts'
import type { Rule } from '../rule.ts'
import noRewritingColumn from './no-rewriting-column.ts'
import noRewritingTypeChange from './no-rewriting-type-change.ts'

const parser = await loadParser()

const rows = 'FROM generate_series(1, 25000) g'
const cases: Record<string, [Rule, string, string]> = {
  'an identity becomes bigint': [
    noRewritingTypeChange as unknown as Rule,
    `CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, x text); INSERT INTO t (x) SELECT g ${rows};`,
    'ALTER TABLE t ALTER COLUMN id TYPE bigint;',
  ],
  'a serial becomes bigint': [
    noRewritingTypeChange as unknown as Rule,
    `CREATE TABLE t (id serial PRIMARY KEY, x text); INSERT INTO t (x) SELECT g ${rows};`,
    'ALTER TABLE t ALTER COLUMN id TYPE bigint;',
  ],
  'an identity key is added, to a table without a key': [
    noRewritingColumn as unknown as Rule,
    `CREATE TABLE t AS SELECT g::text AS x ${rows};`,
    'ALTER TABLE t ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;',
  ],
  'a bigserial is added': [
    noRewritingColumn as unknown as Rule,
    `CREATE TABLE t AS SELECT g::text AS x ${rows};`,
    'ALTER TABLE t ADD COLUMN id bigserial UNIQUE;',
  ],
}

/** Runs a migration as kei's runner would: what cannot be in a transaction alone, all else in one. */
async function run(client: Client, text: string): Promise<void> {
  const parsed = parser.parse(text)
  if (parsed.kind !== 'parsed') throw new Error(parsed.message)
  const isAlone = text.includes('transaction none') || text.includes('CONCURRENTLY')
  if (!isAlone) await client.query('BEGIN')
  for (const statement of parsed.statements) await client.query(statement.text)
  if (!isAlone) await client.query('COMMIT')
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  test.each(Object.entries(cases))(
    '%s while rows are written between the steps',
    async (_, [rule, setup, statement]) => {
      const migrations = history(setup, statement)
      const { findings } = await judgeExample(rule, migrations, major, 'text')
      const [fix] = findings[0]?.fixes ?? []
      if (fix === undefined) throw new Error('no fix')
      const files = applyFix(migrations, fix).filter(({ file }) => !file.endsWith('.down.sql'))
      await withDatabase(major, async (client) => {
        for (const { text } of files) {
          await run(client, text)
          await client.query("INSERT INTO t (x) VALUES ('new'); UPDATE t SET x = x WHERE x IN ('5', '24000', 'new')")
        }
        const { rows: seen } = await client.query(
          'SELECT count(*)::int AS all, count(DISTINCT id)::int AS ids, pg_typeof(max(id))::text AS type FROM t',
        )
        const all = 25_000 + files.length
        expect(seen).toEqual([{ all, ids: all, type: 'bigint' }])
      })
    },
  )
})
