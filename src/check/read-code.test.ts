import { describe, expect, test } from 'vitest'
import type { MigrationFolder } from '../project/migration-file.ts'
import { isNewTable } from '../rules/new-tables.ts'
import type { HistorySubject, StatementSubject } from '../rules/subject.ts'
import { loadParser } from '../sql/parse.ts'
import { traceOf } from '../../test/trace.ts'
import { historySubject, parseFolder } from './read-folder.ts'
import type { ParsedFolder } from './read-folder.ts'

const parser = await loadParser()

function parsed(...texts: string[]): ParsedFolder {
  const folder: MigrationFolder = {
    layout: 'kei',
    path: 'm',
    migrations: texts.map((text, index) => {
      const path = `${index + 1}.sql`
      const up = { file: path, text, start: 0, mode: 'grouped' as const }
      return { layout: 'kei' as const, version: String(index + 1), name: 'a', path, text, up, released: false }
    }),
    unreadable: [],
    code: [],
  }
  return parseFolder(parser, folder)
}

const byText = (...texts: string[]): HistorySubject => historySubject(parsed(...texts))

async function byTrace(...texts: string[]): Promise<HistorySubject> {
  const trace = await traceOf(Object.fromEntries(texts.map((text, index) => [`${index + 1}.sql`, text])))
  const statements = new Map(trace.files.map((each) => [each.file, each.statements]))
  for (const each of [...statements.values()].flat()) expect(each).toMatchObject({ status: 'traced' })
  return historySubject(parsed(...texts), {
    catalog: trace.catalog,
    complete: trace.complete,
    statements: (file) => statements.get(file),
    roundTrip: () => undefined,
  })
}

/** The last statement of a history. */
function last({ migrations }: HistorySubject): StatementSubject {
  const subject = migrations.at(-1)?.statements.at(-1)
  if (subject === undefined) throw new Error('no statement')
  return subject
}

const sentBy = (...texts: string[]) => last(byText(...texts)).inner.map(({ statement }) => statement.text)

const fn = (name: string, body: string, args = '') =>
  `CREATE OR REPLACE FUNCTION ${name}(${args}) RETURNS void LANGUAGE plpgsql AS $$ BEGIN ${body} END $$;`

describe('the statements of code', () => {
  test('are subjects within the statement around them', () => {
    const subject = last(byText('SELECT 1; DO $$ BEGIN DROP TABLE a; PERFORM 1 FROM b; END $$;'))
    expect(subject.inner).toMatchObject([{ statement: { text: 'DROP TABLE a', index: 1 }, inner: [], dynamic: [] }])
    expect(subject.inner[0]?.within).toBe(subject)
    expect(subject.inner[0]?.migration).toBe(subject.migration)
  })

  test('are those of blocks within blocks', () => {
    const text = 'DO $a$ BEGIN DO $b$ BEGIN DROP TABLE a; END $b$; DROP TABLE b; END $a$;'
    const { inner } = last(byText(text))
    expect(inner.map(({ statement: { start, end } }) => text.slice(start, end))).toEqual([
      'DROP TABLE a',
      'DROP TABLE b',
    ])
    const put = "DO $a$ BEGIN EXECUTE 'DO ' || '$b$ BEGIN DROP TABLE a; END $b$'; END $a$;"
    const [made] = last(byText(put)).inner
    expect(made?.statement.text).toBe('DROP TABLE a')
    expect(put.slice(made?.statement.start, made?.statement.end)).toBe(
      "EXECUTE 'DO ' || '$b$ BEGIN DROP TABLE a; END $b$'",
    )
  })

  test('are those of a function of the history that SELECT, CALL or PERFORM calls', () => {
    const procedure = 'CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN DROP TABLE a; END $$;'
    expect(sentBy(fn('f', 'DROP TABLE a;'), 'SELECT f();')).toEqual(['DROP TABLE a'])
    expect(sentBy(fn('s.f', 'DROP TABLE a;'), 'SELECT s.f() FROM t;')).toEqual(['DROP TABLE a'])
    expect(sentBy(procedure, 'CALL p();')).toEqual(['DROP TABLE a'])
    for (const body of [
      'PERFORM f();',
      'IF f() THEN END IF;',
      'x := f();',
      'INSERT INTO t SELECT 1; SELECT f() INTO x;',
    ]) {
      const block = `DO $$ DECLARE x text; BEGIN ${body} END $$;`
      expect(sentBy(fn('f', 'DROP TABLE a;'), block), body).toContain('DROP TABLE a')
    }
    expect(sentBy(fn('f', 'DROP TABLE a;'), "SELECT g(), lower('F');")).toEqual([])
  })

  test('stand at the call, and say where the function is made', () => {
    const made = fn('f', "DROP TABLE a; EXECUTE 'DROP TABLE ' || 'b';")
    const { inner, statement } = last(byText(`SELECT 1;\n${made}`, "SELECT 'é', f();"))
    expect(inner).toHaveLength(2)
    for (const each of inner) {
      expect(each).toMatchObject({
        statement: { start: statement.start, end: statement.end },
        definedAt: { name: 'f', file: '1.sql' },
      })
      const { text, span } = each.definedAt ?? { text: '' }
      expect(text.slice(span?.start, span?.end)).toBe(made.slice(0, -1))
    }
  })

  test('are those of its last definition before the call', () => {
    const texts = [fn('f', 'DROP TABLE a;'), fn('f', 'DROP TABLE b;'), 'SELECT f();', fn('f', 'DROP TABLE c;')]
    const { migrations } = byText(...texts)
    expect(migrations[2]?.statements[0]?.inner.map(({ statement }) => statement.text)).toEqual(['DROP TABLE b'])
  })

  test('are those of the functions of that name that take so many arguments', () => {
    const one = fn('f', 'DROP TABLE a;', 'x int')
    const two = fn('f', 'DROP TABLE b;', 'x int, y int DEFAULT 1')
    const three = fn('f', 'DROP TABLE c;', 'x int, y int, z text[]')
    expect(sentBy(one, two, three, 'SELECT f(1);')).toEqual(['DROP TABLE a', 'DROP TABLE b'])
    expect(sentBy(one, two, three, 'SELECT f(1, 2, NULL);')).toEqual(['DROP TABLE c'])
    expect(sentBy(fn('f', 'DROP TABLE a;', 'VARIADIC x int[]'), 'SELECT f(1, 2, 3);')).toEqual(['DROP TABLE a'])
  })

  test('know the constants that a call gives', () => {
    const drop = fn('f', "EXECUTE format('DROP TABLE %I', t);", 't text')
    expect(sentBy(drop, "SELECT f('Order');")).toEqual(['DROP TABLE "Order"'])
    expect(sentBy(drop, "SELECT f(t => 'b');")).toEqual(['DROP TABLE b'])
    const looped = last(byText(drop, 'SELECT f(name) FROM tenants;'))
    expect(looped.inner).toEqual([])
    expect(looped.dynamic).toEqual([{ text: "EXECUTE of format('DROP TABLE %I', t)", fromRows: true }])
    const reset = fn('g', "t := current_user; EXECUTE format('DROP TABLE %I', t);", 't text')
    expect(last(byText(reset, "SELECT g('a');")).dynamic).toHaveLength(1)
  })

  test('are found through functions that call each other, each once', () => {
    expect(sentBy(fn('g', 'DROP TABLE a;'), fn('f', 'PERFORM g(); PERFORM g();'), 'SELECT f();')).toEqual([
      'DROP TABLE a',
    ])
    const ping = fn('ping', 'DROP TABLE a; PERFORM pong();')
    expect(sentBy(ping, fn('pong', 'DROP TABLE b; PERFORM ping();'), 'SELECT ping();')).toEqual([
      'DROP TABLE a',
      'DROP TABLE b',
    ])
    const endless = fn('f', "PERFORM f(x || 'a'); EXECUTE 'DROP TABLE ' || x;", 'x text')
    expect(sentBy(endless, "SELECT f('a');").length).toBeGreaterThan(0)
    const many = Array.from({ length: 40 }, (_, i) => fn(`f${i}`, `PERFORM f${i + 1}(); PERFORM f${i + 1}();`))
    expect(sentBy(...many, 'SELECT f0();')).toEqual([])
  })

  test('are those of functions that code makes, and of prepared statements', () => {
    const make = `DO $a$ BEGIN ${fn('f', 'DROP TABLE a;')} PERFORM f(); END $a$;`
    expect(sentBy(make).at(-1)).toBe('DROP TABLE a')
    expect(sentBy(make, 'SELECT f();')).toEqual(['DROP TABLE a'])
    expect(sentBy('PREPARE p (int) AS UPDATE t SET a = $1; EXECUTE p(1);')).toEqual(['UPDATE t SET a = $1'])
    expect(sentBy('PREPARE p AS DELETE FROM t;', 'EXECUTE p;')).toEqual([])
  })

  test('are not known of a procedure that the history did not make', () => {
    for (const text of ['CALL run_maintenance();', 'DO $$ BEGIN CALL partman.run_maintenance(1); END $$;']) {
      expect(last(byText(text)).dynamic).toEqual([{ text: 'CALL of run_maintenance', fromRows: false }])
    }
  })

  test('are not known of SQL that code makes; whether rows make it is', () => {
    const loop = (query: string) =>
      `DO $$ DECLARE r record; BEGIN FOR r IN ${query} LOOP EXECUTE format('DROP TABLE %I', r.a); END LOOP; END $$;`
    const dynamicOf = (query: string) => last(byText(loop(query))).dynamic
    expect(dynamicOf('SELECT relname AS a FROM pg_class')).toMatchObject([{ fromRows: false }])
    expect(dynamicOf('SELECT table_name AS a FROM information_schema.tables')).toMatchObject([{ fromRows: false }])
    expect(dynamicOf('WITH q AS (SELECT 1 AS a) SELECT a FROM q')).toMatchObject([{ fromRows: false }])
    expect(dynamicOf('SELECT a FROM tenants')).toMatchObject([{ fromRows: true }])
  })
})

describe('the trace of a statement in code', () => {
  const tables = 'CREATE TABLE t (a int, b int); CREATE TABLE u (a int);'
  const tracesOf = async (block: string) =>
    last(await byTrace(tables, block)).inner.map(({ trace }) => trace?.status ?? 'by the text')

  test('is that of the block where it alone names its tables and the trace shows them', async () => {
    const block = 'DO $$ BEGIN ALTER TABLE t ADD c int; CREATE INDEX ON u (a); CREATE TABLE v (a int); END $$;'
    expect(await tracesOf(block)).toEqual(['traced', 'traced', 'traced'])
    const guarded =
      "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 't'::regclass) THEN " +
      'ALTER TABLE t ADD CHECK (a > 0); END IF; END $$;'
    expect(await tracesOf(guarded)).toEqual(['traced'])
  })

  test('is none where another statement or query names the same table', async () => {
    expect(await tracesOf('DO $$ BEGIN ALTER TABLE t ADD c int; ALTER TABLE t ADD d int; END $$;')).toEqual([
      'by the text',
      'by the text',
    ])
    const asked =
      'DO $$ BEGIN IF NOT EXISTS (SELECT FROM t WHERE a IS NULL) THEN ALTER TABLE t ADD c int; END IF; END $$;'
    expect(await tracesOf(asked)).toEqual(['by the text'])
  })

  test('is none in a branch that did not run', async () => {
    const block = 'DO $$ BEGIN IF false THEN ALTER TABLE t ADD c int; END IF; ALTER TABLE u ADD c int; END $$;'
    expect(await tracesOf(block)).toEqual(['by the text', 'traced'])
    const fired =
      'CREATE UNIQUE INDEX ON t (a); ALTER TABLE u ADD FOREIGN KEY (a) REFERENCES t (a);\n' +
      'DO $$ BEGIN IF false THEN ALTER TABLE t ADD c int; END IF; INSERT INTO u VALUES (NULL); END $$;'
    expect(await tracesOf(fired)).toEqual(['by the text', 'traced'])
  })

  test('is none where the block commits, so that nobody saw its locks', async () => {
    expect(await tracesOf('DO $$ BEGIN ALTER TABLE t ADD c int; COMMIT; END $$;')).toEqual(['by the text'])
  })
})

describe('a table that code creates', () => {
  const isNew = (text: string, ...before: string[]) => {
    const { migration, statement } = last(byText(...before, text))
    return isNewTable(migration, 't', statement.index)
  }

  test('is new for the rest of the code and of the file', () => {
    expect(isNew('DO $$ BEGIN CREATE TABLE t (a int); CREATE INDEX ON t (a); END $$;')).toBe(true)
    expect(isNew('DO $$ BEGIN CREATE TABLE t (a int); END $$; CREATE INDEX ON t (a);')).toBe(true)
    expect(isNew(`${fn('f', 'CREATE TABLE t (a int);')} SELECT f(); ALTER TABLE t ADD b int;`)).toBe(true)
  })

  test('is not where the code drops one of that name first, or an earlier file made it', () => {
    expect(isNew('DO $$ BEGIN DROP TABLE IF EXISTS t; CREATE TABLE t (a int); END $$;')).toBe(false)
    const guarded = "DO $$ BEGIN IF to_regclass('t') IS NULL THEN CREATE TABLE t (a int); END IF; END $$;"
    expect(isNew(guarded)).toBe(true)
    expect(isNew(guarded, 'CREATE TABLE t (a int);')).toBe(false)
  })

  test('is new by the trace as well', async () => {
    const { migration, statement } = last(
      await byTrace("DO $$ BEGIN EXECUTE 'CREATE TABLE ' || lower('T') || ' (a int)'; END $$;"),
    )
    expect(isNewTable(migration, 't', statement.index)).toBe(true)
  })
})

test('a large block is read in seconds, also with a trace', () => {
  const lines = Array.from({ length: 5000 }, (_, i) => `CREATE TABLE t${i} (a int); ALTER TABLE t${i} ADD b int;\n`)
  const folder = parsed(`DO $$ BEGIN\n${lines.join('')}END $$;`)
  const names = Array.from({ length: 5000 }, (_, i) => ({ objectType: 'table', name: `public.t${i}` }))
  const nothing = { locks: [], held: [], rewrites: [], indexRebuilds: [], scans: [], altered: [], dropped: [] }
  const observation = { ...nothing, created: names, constraints: [], notices: [], milliseconds: 1 }
  const started = performance.now()
  const { migration, inner } = last(
    historySubject(folder, {
      catalog: { relations: [], indexes: [], constraints: [], objects: [] },
      complete: true,
      statements: () => [{ status: 'traced', observation }],
      roundTrip: () => undefined,
    }),
  )
  expect(inner).toHaveLength(10_000)
  expect(isNewTable(migration, 't4999', 0)).toBe(true)
  expect(performance.now() - started).toBeLessThan(15_000)
})

describe('the schema that the text shows', () => {
  const tablesOf = (text: string) => byText(text).schema.tables.map(({ name, columns }) => [name, columns.length])

  test('has what a block is certain to do', () => {
    const history = byText("DO $$ BEGIN CREATE TABLE t (a int); EXECUTE 'ALTER TABLE t ADD b int'; END $$;")
    expect(history.schema.tables).toMatchObject([{ name: 't', columns: [{ name: 'a' }, { name: 'b' }] }])
    expect(history.schema.opaque).toEqual([])
    const [site] = history.schema.tables.map((table) => table.columns[0]?.site)
    expect(site?.fileText.slice(site.span.start, site.span.end)).toBe('a int')
    expect(site?.inCode).toBe(true)
  })

  test('has nothing of a block that may do something else', () => {
    for (const body of [
      'CREATE TABLE t (a int); IF x() THEN DROP TABLE t; END IF;',
      'CREATE TABLE t (a int); EXECUTE current_user;',
      "EXECUTE 'CREATE TABLE ' || 't (a int)';",
      'BEGIN CREATE TABLE t (a int); EXCEPTION WHEN others THEN END;',
    ]) {
      const { schema } = byText(`DO $$ BEGIN ${body} END $$;`)
      expect(schema.tables, body).toEqual([])
      expect(schema.opaque, body).toHaveLength(1)
    }
  })

  test('has what a block does before what follows it', () => {
    expect(
      tablesOf('DO $$ BEGIN CREATE TABLE t (a int); END $$; ALTER TABLE t DROP COLUMN a, ADD b int, ADD c int;'),
    ).toEqual([['t', 2]])
  })
})
