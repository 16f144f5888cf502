import type { AlterTableCmd } from '@pgsql/types'
import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { ownerOfIndex, resolveName } from '../../sql/schema-draft.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { effectOn, whomItBlocks } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { isNewTable } from '../new-tables.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { recipe } from '../recipe.ts'
import { defineRule } from '../rule.ts'
import type { Major, Verdict } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { nameInSql } from '../search-path.ts'
import { holdsNoRows, usedTable } from '../used-table.ts'
import type { UsedTable } from '../used-table.ts'
import { storageOf } from './storage.ts'
import { wasRewritten } from '../used-table.ts'

export default defineRule({
  id: 'no-storage-rewrite',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'A change of how a table in use is stored, which writes all of it anew',
  why:
    'SET LOGGED, SET UNLOGGED, SET ACCESS METHOD, SET TABLESPACE and a new expression of a stored generated column ' +
    'change no row, and yet write every one of them anew, under ACCESS EXCLUSIVE. Every read and write waits for as ' +
    'long as that takes. SET LOGGED puts the whole table into the write-ahead log besides; SET UNLOGGED makes it one ' +
    'that a crash empties and that standbys do not have.',
  instead:
    'Decide it when the table is made. For one that is in use there is no statement that lets others work meanwhile. ' +
    'pg_repack moves a table to another tablespace, and another access method, while it is used. An index can be ' +
    'built anew elsewhere: REINDEX (TABLESPACE …) INDEX CONCURRENTLY. A new expression can be that of a new column: on ' +
    'PostgreSQL 18 a VIRTUAL one costs nothing. Where the table is small, do it in a quiet moment and say so in an ' +
    'ignore comment.',
  examples: [
    {
      title: 'A table that was loaded unlogged',
      setup:
        'CREATE UNLOGGED TABLE prices (id bigint PRIMARY KEY, net numeric);\nCREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE prices SET LOGGED;',
      at: 'ALTER TABLE prices SET LOGGED',
      good:
        'CREATE UNLOGGED TABLE fees (id bigint PRIMARY KEY, net numeric);\nINSERT INTO fees VALUES (1, 2);\n' +
        'ALTER TABLE fees SET LOGGED;\nALTER TABLE orders SET LOGGED, SET ACCESS METHOD heap;',
    },
    {
      title: 'A table that is to be written faster',
      setup: 'CREATE TABLE events (id bigint PRIMARY KEY, payload jsonb);',
      bad: 'ALTER TABLE events SET UNLOGGED;',
      at: 'ALTER TABLE events SET UNLOGGED',
      good: 'CREATE UNLOGGED TABLE new_events (id bigint PRIMARY KEY, payload jsonb);',
    },
    {
      title: 'Another expression of a stored generated column',
      majors: [17, 18],
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, net numeric,\n' +
        '  gross numeric GENERATED ALWAYS AS (net * 1.16) STORED);',
      bad: 'ALTER TABLE orders ALTER COLUMN gross SET EXPRESSION AS (net * 1.19);',
      at: 'ALTER TABLE orders ALTER COLUMN gross SET EXPRESSION AS (net * 1.19)',
      good: 'ALTER TABLE orders ALTER COLUMN gross DROP EXPRESSION;',
    },
    {
      title: 'Another expression of a virtual one costs nothing',
      majors: [18],
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, net numeric,\n' +
        '  gross numeric GENERATED ALWAYS AS (net * 1.16) STORED,\n' +
        '  tax numeric GENERATED ALWAYS AS (net * 0.16) VIRTUAL);',
      bad: 'ALTER TABLE orders ALTER COLUMN gross SET EXPRESSION AS (net * 1.19);',
      at: 'ALTER TABLE orders ALTER COLUMN gross SET EXPRESSION AS (net * 1.19)',
      good: 'ALTER TABLE orders ALTER COLUMN tax SET EXPRESSION AS (net * 0.19);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-LOGGED-UNLOGGED',
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-EXPRESSION',
    'https://www.postgresql.org/docs/17/sql-reindex.html',
  ],
  options: {},
  claims: [
    {
      says: 'SET LOGGED writes the table anew under ACCESS EXCLUSIVE.',
      setup: 'CREATE UNLOGGED TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t SET LOGGED',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: ['public.t'],
    },
    {
      says: 'So does SET UNLOGGED.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t SET UNLOGGED',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: ['public.t'],
    },
    {
      says: 'SET LOGGED of a table that is logged does nothing, nor does SET ACCESS METHOD to the one that it has.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t SET LOGGED, SET ACCESS METHOD heap',
      rewrites: [],
      scans: [],
    },
    {
      says: 'A new expression of a stored generated column writes the table anew.',
      setup: 'CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a) STORED); INSERT INTO t VALUES (1);',
      statement: 'ALTER TABLE t ALTER COLUMN b SET EXPRESSION AS (a + 1)',
      majors: [17, 18],
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: ['public.t'],
    },
    {
      says: 'One of a virtual generated column does not.',
      setup: 'CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a) VIRTUAL); INSERT INTO t VALUES (1);',
      statement: 'ALTER TABLE t ALTER COLUMN b SET EXPRESSION AS (a + 1)',
      majors: [18],
      rewrites: [],
      scans: [],
    },
  ],
  *check(subject, { major }) {
    const alter = statementOf(subject.statement, 'AlterTableStmt')
    if (alter === undefined) return
    const commands = (alter.cmds ?? []).flatMap((each) => nodeOf(each, 'AlterTableCmd') ?? [])
    if (alter.objtype === 'OBJECT_TABLE') yield* checkTable(subject, commands, major)
    else if (alter.objtype === 'OBJECT_INDEX') yield* checkIndex(subject, commands, major)
    else if (alter.objtype === 'OBJECT_MATVIEW') yield* checkView(subject, commands, major)
  },
})

type Storing = 'SET LOGGED' | 'SET UNLOGGED' | 'SET TABLESPACE' | 'SET ACCESS METHOD' | 'SET EXPRESSION'

const storing: Readonly<Record<string, Storing>> = {
  AT_SetLogged: 'SET LOGGED',
  AT_SetUnLogged: 'SET UNLOGGED',
  AT_SetTableSpace: 'SET TABLESPACE',
  AT_SetAccessMethod: 'SET ACCESS METHOD',
  AT_SetExpression: 'SET EXPRESSION',
}

const shapes: Readonly<Record<Storing, LockShapeName>> = {
  'SET LOGGED': 'ALTER TABLE … SET LOGGED',
  'SET UNLOGGED': 'ALTER TABLE … SET UNLOGGED',
  'SET TABLESPACE': 'ALTER TABLE … SET TABLESPACE',
  'SET ACCESS METHOD': 'ALTER TABLE … SET ACCESS METHOD',
  'SET EXPRESSION': 'ALTER TABLE … SET EXPRESSION, stored',
}

function* checkTable(subject: StatementSubject, commands: readonly AlterTableCmd[], major: Major): Iterable<Verdict> {
  if (!commands.some(({ subtype }) => storing[subtype ?? ''])) return
  const table = usedTable(subject)
  if (table === undefined || holdsNoRows(table)) return
  const rewritten = wasRewritten(subject, table)
  if (rewritten === false) return
  const isAlone = rewritten === true && commands.length === 1 && subject.within === undefined
  const mode = effectOn(subject, table.name)?.lock?.mode ?? 'ACCESS EXCLUSIVE'
  const observation = observationOf(subject)
  for (const command of commands) {
    const what = storing[command.subtype ?? '']
    if (what === undefined) continue
    const change = isAlone ? 'rewrite' : changeOf(subject, table, command, what)
    if (change === 'none') continue
    if (change === 'unknown' && rewritten === undefined) {
      yield { kind: 'unknown', needs: 'a trace', file: subject.migration.file }
      continue
    }
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [observation ? traceEvidence(major, observation) : measured(shapes[what], major, { t: table.printed })],
      message: `ALTER TABLE … ${what} writes all of ${table.printed} anew while ${whomItBlocks(mode)} waits (${mode})`,
      next: wayOut(what, nameInSql(subject, table.name), command, major),
      identity: `${table.name} ${what}`,
    }
  }
}

/** What the command does to the rows, by the text. */
function changeOf(
  subject: StatementSubject,
  { name, declared }: UsedTable,
  command: AlterTableCmd,
  what: Storing,
): 'rewrite' | 'none' | 'unknown' {
  const isPartitioned = declared?.kind === 'partitioned table'
  if (what === 'SET EXPRESSION') {
    const column = declared?.columns.find((each) => each.name === command.name)
    if (column === undefined) return 'unknown'
    return column.generated === 'stored' ? 'rewrite' : 'none'
  }
  // It is what new partitions get; those that are there stay.
  if (isPartitioned) return 'none'
  const storage = storageOf(name, subject)
  switch (what) {
    case 'SET LOGGED':
      return storage.unlogged === false ? 'none' : 'rewrite'
    case 'SET UNLOGGED':
      return storage.unlogged === true ? 'none' : 'rewrite'
    case 'SET TABLESPACE':
      return (storage.tablespace ?? 'pg_default') === command.name ? 'none' : 'rewrite'
    case 'SET ACCESS METHOD':
      return storage.accessMethod === (command.name ?? 'heap') ? 'none' : 'rewrite'
  }
}

function wayOut(what: Storing, table: string, { name }: AlterTableCmd, major: Major): string {
  const ignore =
    'Where the table is small, do it in a quiet moment and say so: -- kei: ignore no-storage-rewrite: REASON'
  switch (what) {
    case 'SET LOGGED':
    case 'SET UNLOGGED':
      return (
        `There is no way to do that while others use the table. Make a new table as it should be, fill it in batches ` +
        `while a trigger on ${table} keeps both in step, see that no row is missing, and let it take the old one’s ` +
        `place by renames in one transaction. ${ignore}`
      )
    case 'SET TABLESPACE':
      return `pg_repack moves it while it is used: pg_repack --table=${table} --tablespace=${name ?? ''} --moveidx\n${ignore}`
    case 'SET ACCESS METHOD':
      return `There is no statement that does it while others use the table; pg_repack or a new table does. ${ignore}`
    case 'SET EXPRESSION': {
      const column = quoteIdentifier(name ?? '')
      const kind =
        major >= 18 ? 'a VIRTUAL generated column, which costs nothing,' : 'a plain column that a trigger fills'
      return (
        `Add ${kind} with the new expression, let the code read that one, and drop ${column} with a later release; ` +
        `or let ${column} DROP EXPRESSION, which is instant and keeps the values, and go on with a trigger and a ` +
        `backfill in batches. ${ignore}`
      )
    }
  }
}

/** The index is locked against everyone, and every query on its table has to lock it to be planned. */
function* checkIndex(subject: StatementSubject, commands: readonly AlterTableCmd[], major: Major): Iterable<Verdict> {
  const move = commands.find(({ subtype }) => subtype === 'AT_SetTableSpace')
  const { relation } = statementOf(subject.statement, 'AlterTableStmt') ?? {}
  if (move?.name === undefined || relation?.relname === undefined) return
  const { migration, statement, within } = subject
  const owner = ownerOfIndex(migration.history.before(subject), relation.schemaname, relation.relname)
  const index = (within ?? subject).statement.index
  if (owner && (isNewTable(migration, owner.name, index) || owner.kind === 'partitioned table')) return
  const observation = observationOf(subject)
  if (observation && observation.indexRebuilds.length === 0) return
  const name = quoteTextName(
    relation.schemaname === undefined ? relation.relname : `${relation.schemaname}.${relation.relname}`,
  )
  yield {
    kind: 'finding',
    at: placeOfStatement(subject),
    evidence: [
      observation ? traceEvidence(major, observation) : measured('ALTER INDEX … SET TABLESPACE', major, { i: name }),
    ],
    message: `ALTER INDEX … SET TABLESPACE copies ${name} while every query that could use it waits (ACCESS EXCLUSIVE)`,
    ...movedConcurrently(subject, name, move.name, statement.text),
  }
}

function movedConcurrently(
  subject: StatementSubject,
  index: string,
  tablespace: string,
  text: string,
): { next: string; fixes: Fix[] } {
  const reindex = `REINDEX (TABLESPACE ${quoteIdentifier(tablespace)}) INDEX CONCURRENTLY ${index};`
  const made = recipe(subject, {
    title: 'Build it anew there, CONCURRENTLY',
    says: 'Build it anew in the other tablespace, which lets reads and writes through; it cannot run in a transaction:',
    instead: reindex,
    then: [],
  })
  // Elsewhere the runner's transaction may be in the way, and IF EXISTS REINDEX does not have.
  const isFix = subject.migration.layout === 'kei' && !/^alter\s+index\s+if\b/i.test(text)
  return isFix ? made : { next: made.next, fixes: [] }
}

function* checkView(subject: StatementSubject, commands: readonly AlterTableCmd[], major: Major): Iterable<Verdict> {
  const { relation } = statementOf(subject.statement, 'AlterTableStmt') ?? {}
  if (relation?.relname === undefined) return
  const { migration, within } = subject
  const view = resolveName(migration.history.before(subject), relation.schemaname, relation.relname)
  if (isNewTable(migration, view, (within ?? subject).statement.index)) return
  const observation = observationOf(subject)
  if (observation && !effectOn(subject, view)?.rewritten) return
  const storage = storageOf(view, subject)
  for (const { subtype, name } of commands) {
    const what = storing[subtype ?? '']
    if (what !== 'SET TABLESPACE' && what !== 'SET ACCESS METHOD') continue
    if (
      what === 'SET TABLESPACE'
        ? (storage.tablespace ?? 'pg_default') === name
        : storage.accessMethod === (name ?? 'heap')
    )
      continue
    const printed = effectOn(subject, view)?.lock?.relation ?? view
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [observation ? traceEvidence(major, observation) : measured(shapes[what], major, { t: printed })],
      message: `ALTER MATERIALIZED VIEW … ${what} writes all of ${printed} anew while every read waits (ACCESS EXCLUSIVE)`,
      next:
        'Make another materialized view there, with its indexes, and let it take the place of this one by renames in one ' +
        'transaction. Where it is small, do it in a quiet moment and say so: -- kei: ignore no-storage-rewrite: REASON',
      identity: `${view} ${what}`,
    }
  }
}
