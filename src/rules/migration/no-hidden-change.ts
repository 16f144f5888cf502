import { compareLockModes } from '../../findings/lock-mode.ts'
import type { Severity } from '../../findings/finding.ts'
import type { Observation } from '../../findings/observation.ts'
import { textNameOf } from '../../sql/identifier.ts'
import { namedObjects, relationsIn } from '../../sql/named-objects.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import type { SchemaDraft } from '../../sql/schema-draft.ts'
import type { Statement } from '../../sql/statement.ts'
import { isUnused } from '../drops.ts'
import { whomItBlocks } from '../effect.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { tableLocks } from './table-locks.ts'
import type { TableLock } from './table-locks.ts'

export default defineRule({
  id: 'no-hidden-change',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: [],
  statementsWithCode: true,
  about: 'change',
  needs: ['trace'],
  summary: 'A DO block, a function or a trigger that changes or locks a table which no written statement names',
  why:
    'SQL that code puts together while it runs, and what a function does that comes from elsewhere, cannot be reviewed ' +
    'in the migration. It takes the same locks as written statements, and one loop may take them on many tables in one ' +
    'transaction, which keeps all of them until its end. What it does depends on the rows and the schema that it finds, ' +
    'so it may do more in production than where it was tried.',
  instead:
    'Write the statements out. Where a loop over the catalog is to save writing, run its query once and put the ' +
    'statements into the migration: then each is judged by itself and has its safe form. kei reads code with it: ' +
    'statements in a DO block, EXECUTE of constant text, and functions of the history that are called with constants ' +
    'are judged as if they stood in the file.',
  examples: [
    {
      title: 'A loop that changes the type of columns that it looks up',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(10,2));',
      bad:
        'DO $$\nDECLARE\n  r record;\nBEGIN\n' +
        "  FOR r IN SELECT table_name, column_name FROM information_schema.columns WHERE column_name = 'total' LOOP\n" +
        "    EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE numeric(12,4)', r.table_name, r.column_name);\n" +
        '  END LOOP;\nEND\n$$;',
      at:
        'DO $$\nDECLARE\n  r record;\nBEGIN\n' +
        "  FOR r IN SELECT table_name, column_name FROM information_schema.columns WHERE column_name = 'total' LOOP\n" +
        "    EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE numeric(12,4)', r.table_name, r.column_name);\n" +
        '  END LOOP;\nEND\n$$',
      good:
        'DO $$\nDECLARE\n  r record;\nBEGIN\n' +
        "  FOR r IN SELECT table_name, column_name FROM information_schema.columns WHERE column_name = 'total' LOOP\n" +
        "    EXECUTE format('COMMENT ON COLUMN %I.%I IS %L', r.table_name, r.column_name, 'in euros');\n" +
        '  END LOOP;\nEND\n$$;',
    },
    {
      title: 'A function that builds an index on the table that it is given',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint);\n' +
        'CREATE FUNCTION add_index(t text, c text) RETURNS void LANGUAGE plpgsql AS $$\n' +
        "BEGIN\n  EXECUTE format('CREATE INDEX ON %I (%I)', t, c);\nEND\n$$;",
      bad:
        'SELECT add_index(table_name::text, column_name::text)\n' +
        "FROM information_schema.columns WHERE column_name = 'customer_id';",
      at:
        'SELECT add_index(table_name::text, column_name::text)\n' +
        "FROM information_schema.columns WHERE column_name = 'customer_id'",
      good: 'CREATE INDEX CONCURRENTLY ON orders (customer_id);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/plpgsql-statements.html#PLPGSQL-STATEMENTS-EXECUTING-DYN',
    'https://www.postgresql.org/docs/17/explicit-locking.html#LOCKING-TABLES',
  ],
  options: {},
  claims: [
    {
      says: 'What a function executes takes the locks that it would take by itself.',
      setup:
        'CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100); ' +
        'CREATE FUNCTION widen(t text) RETURNS void LANGUAGE plpgsql AS ' +
        "$$ BEGIN EXECUTE format('ALTER TABLE %I ALTER COLUMN a TYPE bigint', t); END $$;",
      statement: "SELECT widen('t')",
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      rewrites: ['public.t'],
    },
  ],
  *check(subject, { major }) {
    const { statement, migration, within, dynamic } = subject
    if (within !== undefined) return
    const observation = observationOf(subject)
    if (observation === undefined) {
      if (dynamic.length > 0) yield { kind: 'unknown', needs: 'a trace', file: migration.file }
      return
    }
    if (dynamic.some(({ fromRows }) => fromRows)) {
      yield { kind: 'unknown', needs: 'the rows in production, of which code makes SQL', file: migration.file }
    }
    if (!opaqueTags.has(statement.tag)) return
    const change = worstOf(hiddenLocks(subject, observation), observation)
    if (change === undefined) return
    const { does, tables, severity } = change
    const [first, ...others] = tables.map(({ printed }) => printed)
    const shown = others.length === 0 ? first : `${first} and ${others.length} more`
    const source = dynamic[0] === undefined ? '' : `: ${dynamic[0].text}`
    yield {
      kind: 'finding',
      severity,
      message:
        `what this runs ${does} ${shown} and makes ${whomItBlocks(tables[0].mode)} wait meanwhile ` +
        `(${tables[0].mode}), which no statement here says${source}`,
      at: placeOfStatement(subject),
      evidence: [traceEvidence(major, observation)],
      next:
        'Write the statements out, each as one of the migration’s own: then each can be judged, and has its safe form ' +
        `here. It was seen to lock ${listed(tables)}.`,
      identity: tables.map(({ printed }) => printed).join(' '),
    }
  },
})

/** Statements that change no schema by themselves. */
const opaqueTags: ReadonlySet<string> = new Set([
  'CallStmt',
  'CreateExtensionStmt',
  'DeleteStmt',
  'DoStmt',
  'ExecuteStmt',
  'InsertStmt',
  'MergeStmt',
  'SelectStmt',
  'UpdateStmt',
])

/**
 * Its locks on tables that neither it nor a statement of its code names; what belongs to a named table, its partitions
 * and the tables that it references, counts as named, and what is dropped has rules of its own.
 */
function hiddenLocks(subject: StatementSubject, observation: Observation): TableLock[] {
  const named = new Set([subject, ...subject.inner].flatMap(({ statement }) => tableNames(statement)))
  const { tables } = subject.migration.history.before(subject)
  for (const { name, foreignKeys } of tables.values()) {
    if (named.has(unqualified(name))) for (const key of foreignKeys) named.add(unqualified(key.referencedTable))
  }
  const gone = new Set(observation.dropped.map(({ name }) => textNameOf(name)))
  return [...tableLocks(subject), ...locksInUse(subject, observation)].filter(({ table }) => {
    const isNamed = familyOf(table, tables).some((each) => named.has(unqualified(each)))
    return !isNamed && !gone.has(table)
  })
}

/** Locks that its transaction held already, on tables that it then wrote anew. */
function locksInUse(subject: StatementSubject, { locks, held, rewrites }: Observation): TableLock[] {
  return held.flatMap(({ relation, mode }) => {
    const table = textNameOf(relation)
    const isTaken = locks.some((lock) => lock.relation === relation)
    return isTaken || !rewrites.includes(relation) || isUnused(subject, table)
      ? []
      : [{ table, printed: relation, mode }]
  })
}

/** The relations that a statement names or drops, without their schemas. */
function tableNames(statement: Statement): string[] {
  const { subjects } = namedObjects(statement)
  return [
    ...subjects.map((name) => unqualified(name)),
    ...relationsIn(statement.node).map(({ relname = '' }) => relname),
  ]
}

/** A table and those that it is a partition of. */
function familyOf(table: string, tables: SchemaDraft['tables']): string[] {
  const family = [table]
  for (const each of family) {
    const parent = tables.get(each)?.partitionOf
    // What the text attaches in a circle PostgreSQL refuses.
    if (parent !== undefined && !family.includes(parent)) family.push(parent)
  }
  return family
}

/** The worst that happens to some of the tables, and to which; the strongest lock first. */
function worstOf(
  locks: readonly TableLock[],
  { locks: taken, rewrites, scans, created }: Observation,
): { does: string; severity: Severity; tables: [TableLock, ...TableLock[]] } | undefined {
  const strongestFirst = locks.toSorted((a, b) => compareLockModes(b.mode, a.mode))
  const among = (printed: readonly string[]) => strongestFirst.filter((lock) => printed.includes(lock.printed))
  const isTaken = ({ printed }: TableLock) => taken.some(({ relation }) => relation === printed)
  const exclusive = strongestFirst.filter((lock) => lock.mode === 'ACCESS EXCLUSIVE' && isTaken(lock))
  const buildsIndex = created.some(({ objectType }) => objectType === 'index')
  for (const [does, found, severity] of [
    ['rewrites', among(rewrites), 'error'],
    [
      'builds an index on',
      buildsIndex ? strongestFirst.filter((lock) => lock.mode === 'SHARE' && isTaken(lock)) : [],
      'error',
    ],
    ['reads all of', among(scans), 'error'],
    ['locks', exclusive, 'note'],
  ] as const) {
    const [first, ...others] = found
    if (first !== undefined) return { does, severity, tables: [first, ...others] }
  }
  return undefined
}

const mostListed = 5

function listed(tables: readonly TableLock[]): string {
  const names = tables.slice(0, mostListed).map(({ printed, mode }) => `${printed} (${mode})`)
  const more = tables.length - names.length
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '')
}
