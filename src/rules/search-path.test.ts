import { describe, expect, test } from 'vitest'
import { applyFix, history, judgeExample, judgeMigrations } from '../../test/contract/examples.ts'
import { withDatabase } from '../../test/postgres.ts'
import { loadParser } from '../sql/parse.ts'
import type { Rule } from './rule.ts'
import requireConcurrentIndex from './migration/require-concurrent-index.ts'
import requireNotNullProof from './migration/require-not-null-proof.ts'
import requireNotValidCheck from './migration/require-not-valid-check.ts'
import requireNotValidForeignKey from './migration/require-not-valid-foreign-key.ts'
import requireUniqueUsingIndex from './migration/require-unique-using-index.ts'

const fresh = 'SET search_path = public'
const parser = await loadParser()
// The table of the same name in public is to stay as it is.
const made =
  'CREATE TABLE "Order" ("odd.name" int, n int, p_id int); CREATE SCHEMA s; CREATE TABLE s.p (id int PRIMARY KEY); ' +
  'CREATE TABLE s."Order" ("odd.name" int, n int, p_id int); CREATE DOMAIN s.positive AS int CHECK (VALUE > 0);'

const changes: Record<string, [Rule, string]> = {
  'SET NOT NULL': [requireNotNullProof as unknown as Rule, 'ALTER TABLE "Order" ALTER "odd.name" SET NOT NULL;'],
  'CREATE INDEX': [requireConcurrentIndex as unknown as Rule, 'CREATE INDEX oi ON "Order" (n);'],
  'ADD UNIQUE': [requireUniqueUsingIndex as unknown as Rule, 'ALTER TABLE "Order" ADD UNIQUE (n);'],
  'ADD CHECK': [requireNotValidCheck as unknown as Rule, 'ALTER TABLE "Order" ADD CHECK (n::positive > 0);'],
  'ADD FOREIGN KEY': [
    requireNotValidForeignKey as unknown as Rule,
    'ALTER TABLE "Order" ADD FOREIGN KEY (p_id) REFERENCES p;',
  ],
}

const shape = `SELECT c.relnamespace::regnamespace || '.' || c.relname AS table, pg_get_constraintdef(o.oid) AS says
  FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
  UNION ALL SELECT i.indrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index i
  JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace::regnamespace::text IN ('s', 'public')
  UNION ALL SELECT attrelid::regclass::text, attname || attnotnull FROM pg_attribute WHERE attrelid = 's."Order"'::regclass
  ORDER BY 1, 2`

describe.each([
  'SET search_path = s',
  'SET search_path = s, public',
  'SET LOCAL search_path TO s',
  "SELECT set_config('search_path', 's', false)",
])('under %s', (set) => {
  describe.each(['text', 'trace'] as const)('by %s', (how) => {
    test.each(Object.entries(changes))(
      'the recipe of %s changes the same table in a new file',
      async (_, [rule, change]) => {
        // Another statement keeps what follows out of this file.
        const migrations = history(made, `BEGIN;\n${set};\n${change}\nSELECT 1;\nCOMMIT;`)
        const { findings } = await judgeExample(rule, migrations, 17, how)
        const [fix] = findings[0]?.fixes ?? []
        if (fix === undefined) throw new Error('no fix')
        const wanted = await withDatabase(17, async (client) => {
          await client.query(`${made} SET search_path = s; ${change}`)
          await client.query(fresh)
          return (await client.query(shape)).rows
        })
        await withDatabase(17, async (client) => {
          for (const { text } of applyFix(migrations, fix).filter(({ file }) => !file.endsWith('.down.sql'))) {
            await client.query(fresh)
            await run(client, text)
          }
          await client.query(fresh)
          expect((await client.query(shape)).rows).toEqual(wanted)
        })
      },
    )
  })
})

describe.each(['text', 'trace'] as const)('by %s nothing is found of what the file itself makes', (how) => {
  test.each([
    ['two schemas', 'SET search_path = app, public; CREATE TABLE z (id int, a int); CREATE INDEX zi ON z (id);'],
    ['SET LOCAL', 'BEGIN; SET LOCAL search_path = app; CREATE TABLE z (id int); CREATE INDEX zi ON z (id); COMMIT;'],
    [
      'set_config',
      "SELECT set_config('search_path', 'app', false); CREATE TABLE z (id int); CREATE INDEX zi ON z (id);",
    ],
    [
      'a rename',
      'SET search_path = app, public; CREATE TABLE z (id int); ALTER TABLE z RENAME TO y; CREATE INDEX ON y (id);',
    ],
    [
      'a column',
      'SET search_path = app; ALTER TABLE t ADD COLUMN a int; UPDATE t SET a = 1 WHERE id = 1; ALTER TABLE t DROP COLUMN a;',
    ],
    ['a type', "SET search_path = app; CREATE TYPE mood AS ENUM ('a'); DROP TYPE mood;"],
    ['a type of public', "SET search_path = app, public; CREATE TYPE public.mood AS ENUM ('a'); DROP TYPE mood;"],
    ['a type by default', "CREATE TYPE mood AS ENUM ('a'); DROP TYPE mood;"],
    [
      'a type in code',
      "DO $$ BEGIN SET LOCAL search_path = app; CREATE TYPE app.mood AS ENUM ('a'); DROP TYPE app.mood; END $$;",
    ],
  ])('%s', async (_, change) => {
    const { findings } = await judgeMigrations(
      history('CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY);', change),
      17,
      how,
    )
    expect(
      findings.filter(({ severity, location }) => severity === 'error' && JSON.stringify(location).includes('0002')),
    ).toEqual([])
  })
})

async function run(client: { query(text: string): Promise<unknown> }, text: string): Promise<void> {
  const parsed = parser.parse(text)
  if (parsed.kind !== 'parsed') throw new Error(parsed.message)
  const isAlone = /CONCURRENTLY|^BEGIN/m.test(text)
  if (!isAlone) await client.query('BEGIN')
  for (const statement of parsed.statements) await client.query(statement.text)
  if (!isAlone) await client.query('COMMIT')
}
