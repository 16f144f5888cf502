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

/** Tables whose column n has the value that e says, whatever is written between the steps. */
const replaced: Record<string, { setup: string; statement: string; write?: string; refuses?: string[] }> = {
  'of a partitioned table, each partition larger than a batch of pages': {
    setup: `CREATE TABLE t (n int, e int, x text) PARTITION BY LIST (x);
      CREATE TABLE p1 PARTITION OF t FOR VALUES IN ('a'); CREATE TABLE p2 PARTITION OF t DEFAULT;
      INSERT INTO t SELECT g, g, repeat('b', 900) ${rows}; INSERT INTO t SELECT g, g, 'a' FROM generate_series(1, 220000) g;`,
    statement: 'ALTER TABLE t ALTER COLUMN n TYPE bigint;',
  },
  'of a table with a trigger that changes it': {
    setup: `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.n := NEW.n * 2; NEW.e := NEW.e * 2; RETURN NEW; END$$;
      CREATE TABLE t (id int PRIMARY KEY, n int, e int, x text); INSERT INTO t SELECT g, g, g, g ${rows};
      CREATE TRIGGER z BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();`,
    statement: 'ALTER TABLE t ALTER COLUMN n TYPE bigint;',
    write:
      "UPDATE t SET x = x WHERE id IN (5, 24000); INSERT INTO t (id, n, e, x) SELECT max(id) + 1, 5, 5, 'new' FROM t",
  },
  'of a table without a key, with a trigger that changes it': {
    setup: `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.n := NEW.n * 2; NEW.e := NEW.e * 2; RETURN NEW; END$$;
      CREATE TABLE t (n int, e int, x text); INSERT INTO t SELECT g, g, g ${rows};
      CREATE TRIGGER z BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();`,
    statement: 'ALTER TABLE t ALTER COLUMN n TYPE bigint;',
  },
  'with a default, a CHECK, a foreign key and an index': {
    setup: `CREATE TABLE r (id int PRIMARY KEY); INSERT INTO r SELECT generate_series(0, 25000);
      CREATE TABLE t (n int NOT NULL DEFAULT 7 CHECK (n >= 0) REFERENCES r ON DELETE CASCADE, e int DEFAULT 7, x text);
      CREATE INDEX i ON t (n) WHERE n > 0; INSERT INTO t SELECT g, g, g ${rows};`,
    statement: 'ALTER TABLE t ALTER COLUMN n TYPE bigint;',
    write:
      "INSERT INTO t (x) VALUES ('new'); UPDATE t SET x = x WHERE x IN ('5', 'new'); DELETE FROM r WHERE id = (SELECT max(id) FROM r)",
    refuses: [
      'INSERT INTO t (n, e) VALUES (-1, -1)',
      'INSERT INTO t (n, e) VALUES (30000, 30000)',
      'INSERT INTO t (n, e) VALUES (NULL, 1)',
    ],
  },
  'that others reference': {
    setup: `CREATE TABLE t (n int PRIMARY KEY, e int, x text); INSERT INTO t SELECT g, g, g ${rows};
      CREATE TABLE r (y int REFERENCES t ON UPDATE CASCADE ON DELETE CASCADE); INSERT INTO r SELECT g ${rows};`,
    statement: 'ALTER TABLE t ALTER COLUMN n TYPE bigint;',
    write:
      "INSERT INTO t (n, e, x) SELECT max(n) + 1, max(n) + 1, 'new' FROM t; INSERT INTO r SELECT max(n) FROM t;" +
      "UPDATE t SET n = -n, e = -e WHERE x = '24000'; DELETE FROM t WHERE n = (SELECT min(n) FROM t WHERE n > 0)",
    refuses: ['INSERT INTO r VALUES (0)', 'INSERT INTO t (n, e) VALUES (25000, 25000)'],
  },
  'that a foreign key sets to NULL or to another value': {
    setup: `CREATE TABLE r (id int PRIMARY KEY); INSERT INTO r SELECT generate_series(0, 25000);
      CREATE TABLE t (n int REFERENCES r ON UPDATE CASCADE ON DELETE SET NULL, e int REFERENCES r ON UPDATE CASCADE ON DELETE SET NULL, x text);
      CREATE INDEX ON t (e); CREATE INDEX i ON t (n); INSERT INTO t SELECT g, g, g ${rows};`,
    statement: 'ALTER TABLE t ALTER COLUMN n TYPE bigint;',
    write:
      "INSERT INTO t (n, e, x) VALUES (5, 5, 'new'); UPDATE r SET id = -id WHERE id = (SELECT max(id) FROM r);" +
      'DELETE FROM r WHERE id = (SELECT max(id) FROM r)',
    refuses: ['INSERT INTO t (n) VALUES (30000)'],
  },
  'of an enum, with its default': {
    setup: `CREATE TYPE mood AS ENUM ('ok', 'good'); CREATE TABLE t (n text DEFAULT 'ok', e text DEFAULT 'ok', x text);
      INSERT INTO t SELECT 'good', 'good', g ${rows};`,
    statement: "ALTER TABLE t ALTER n DROP DEFAULT, ALTER n TYPE mood USING n::mood, ALTER n SET DEFAULT 'ok';",
    write: "INSERT INTO t (x) VALUES ('new'); UPDATE t SET x = x WHERE x IN ('5', '24000', 'new')",
  },
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  test.each(Object.entries(replaced))('a column %s is replaced without the loss of a value', async (_, each) => {
    const { setup, statement, refuses = [] } = each
    const write =
      each.write ?? "INSERT INTO t (n, e, x) VALUES (5, 5, 'new'); UPDATE t SET x = x WHERE x IN ('5', '24000', 'new')"
    const migrations = history(setup, statement)
    const { findings } = await judgeExample(noRewritingTypeChange as unknown as Rule, migrations, major, 'text')
    const [fix] = findings[0]?.fixes ?? []
    if (fix === undefined) throw new Error('no fix')
    const files = applyFix(migrations, fix).filter(({ file }) => !file.endsWith('.down.sql'))
    const wrong = 'SELECT count(*)::int AS wrong FROM t WHERE n::text IS DISTINCT FROM e::text'
    await withDatabase(major, async (client, database, shadow) => {
      const before = await withDatabase(major, async (plain) => {
        await plain.query(setup)
        await plain.query(statement)
        return definitions(plain)
      })
      for (const { text } of files) {
        await run(client, text)
        // A session of its own: PL/pgSQL keeps the types that a trigger met first.
        const writer = await shadow.connect({ database })
        await writer.query(`SET search_path TO public; ${write}`).finally(() => writer.end())
        expect((await client.query(wrong)).rows).toEqual([{ wrong: 0 }])
      }
      expect(await definitions(client)).toEqual(before)
      for (const refused of refuses) await expect(client.query(refused)).rejects.toThrow(/violates/)
    })
  })

  test('a row that was not copied stops the recipe before the swap', async () => {
    const setup = `CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT g, g ${rows};`
    const migrations = history(setup, 'ALTER TABLE t ALTER COLUMN n TYPE bigint;')
    const { findings } = await judgeExample(noRewritingTypeChange as unknown as Rule, migrations, major, 'text')
    const [fix] = findings[0]?.fixes ?? []
    if (fix === undefined) throw new Error('no fix')
    const files = applyFix(migrations, fix).filter(({ file }) => !file.endsWith('.down.sql'))
    await withDatabase(major, async (client) => {
      for (const { file, text } of files) {
        if (file.includes('_validate_')) {
          await expect(run(client, text)).rejects.toThrow('check constraint "t_n_copied_check"')
          return
        }
        await run(client, text)
        if (file.includes('_fill_')) {
          await client.query('ALTER TABLE t DISABLE TRIGGER USER; UPDATE t SET n_new = NULL WHERE id = 24000')
        }
      }
      throw new Error('nothing was validated')
    })
  })

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

/** The type, default, constraints and indexes of t.n, and all foreign keys: of what stays once n_old is dropped. */
async function definitions(client: Client): Promise<string[]> {
  await client.query('ALTER TABLE t DROP COLUMN IF EXISTS n_old')
  const { rows: seen } = await client.query<{ text: string }>(`
    SELECT format_type(atttypid, atttypmod) || ' ' || attnotnull || ' ' || coalesce(pg_get_expr(adbin, adrelid), '') AS text
      FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      WHERE attrelid = 't'::regclass AND attname = 'n'
    UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) || ' ' || convalidated
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 't'::regclass
    UNION ALL SELECT tgname || ' ' || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
    ORDER BY 1`)
  return seen.map(({ text }) => text)
}
