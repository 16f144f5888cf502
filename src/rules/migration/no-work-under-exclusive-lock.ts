import { tableWritten } from '../relation-left.ts'
import type { Fix } from '../../findings/fix.ts'
import { statementOf } from '../../sql/statement.ts'
import { opensTransaction } from '../../sql/transactions.ts'
import { measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { Major, Verdict } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { firstBulkChange } from './bulk-change.ts'
import { workOf } from './long-work.ts'
import type { Work } from './long-work.ts'
import { whyOneTransaction } from './one-transaction.ts'
import { isBetweenBeginAndCommit, partOfFile, splitBefore } from './split-file.ts'
import { tableLocks, writtenLocks } from './table-locks.ts'
import type { TableLock } from './table-locks.ts'

export default defineRule({
  id: 'no-work-under-exclusive-lock',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'statement',
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'More work, or a second table, in a transaction that already holds ACCESS EXCLUSIVE',
  why:
    'A lock is kept until its transaction ends. Adding a column takes ACCESS EXCLUSIVE for a moment, but when an ' +
    'index ' +
    'is built, a constraint validated or a materialized view refreshed after it in the same transaction, every read ' +
    'and write of that table waits for all of it: an error. A second table locked the same way, a warning, makes ' +
    'both ' +
    'queues longer: while the transaction waits for a slow query on the second table nobody can use the first. And a ' +
    'session that uses the two in the other order is in a deadlock with it.',
  instead:
    'One table that is locked in ACCESS EXCLUSIVE for each transaction, and nothing that takes long after it. ' +
    'Several ' +
    'quick commands on the same table belong together, best in one ALTER TABLE. What reads a table, or locks another ' +
    'one, goes into a migration of its own.',
  examples: [
    {
      title: 'Two tables locked one after the other',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);\nCREATE TABLE customers (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE orders ADD COLUMN note text;\nALTER TABLE customers ADD COLUMN note text;',
      at: 'ALTER TABLE customers ADD COLUMN note text',
      good: [
        { file: '0001_add_note_to_orders.sql', text: 'ALTER TABLE orders ADD COLUMN note text;' },
        { file: '0002_add_note_to_customers.sql', text: 'ALTER TABLE customers ADD COLUMN note text;' },
      ],
    },
    {
      title: 'Another table is read while nobody can use this one',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY);\nCREATE TABLE lines (price numeric);\n' +
        'ALTER TABLE lines ADD CONSTRAINT lines_price_check CHECK (price >= 0) NOT VALID;',
      bad: 'ALTER TABLE orders ADD COLUMN note text;\nALTER TABLE lines VALIDATE CONSTRAINT lines_price_check;',
      at: 'ALTER TABLE lines VALIDATE CONSTRAINT lines_price_check',
      good: "ALTER TABLE orders ADD COLUMN note text;\nALTER TABLE orders ALTER COLUMN note SET DEFAULT '';",
    },
    {
      title: 'A materialized view is filled; a table of the same file is nobody’s yet',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY);\nCREATE TABLE lines (order_id bigint NOT NULL, price numeric);',
      bad: [
        {
          file: '0001_create_prices.sql',
          text: 'CREATE MATERIALIZED VIEW prices AS SELECT price FROM lines WITH NO DATA;',
        },
        {
          file: '0002_add_note.sql',
          text: 'ALTER TABLE orders ADD COLUMN note text;\nREFRESH MATERIALIZED VIEW prices;',
        },
      ],
      at: 'REFRESH MATERIALIZED VIEW prices',
      good:
        'ALTER TABLE orders ADD COLUMN note text;\nCREATE TABLE returns (order_id bigint NOT NULL);\n' +
        'CREATE INDEX returns_order_id_idx ON returns (order_id);\nALTER TABLE returns ADD COLUMN reason text;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/explicit-locking.html#LOCKING-TABLES',
    'https://www.postgresql.org/docs/17/explicit-locking.html#LOCKING-DEADLOCKS',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'A lock is kept until its transaction ends, and later statements add theirs.',
      setup: 'CREATE TABLE t (a int); CREATE TABLE u (a int);',
      statement: 'ALTER TABLE t ADD COLUMN b int; ALTER TABLE u ADD COLUMN b int',
      locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.u': 'ACCESS EXCLUSIVE' },
    },
    {
      says: 'VALIDATE CONSTRAINT reads the table under the lock that its transaction holds already.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;',
      statement: 'ALTER TABLE t ADD COLUMN b int; ALTER TABLE t VALIDATE CONSTRAINT c',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      scans: ['public.t'],
    },
    {
      says: 'Two commands on one table take one lock.',
      setup: 'CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD COLUMN b int; ALTER TABLE t ALTER COLUMN b SET DEFAULT 1',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      scans: [],
    },
  ],
  *check(subject, { major }) {
    const { migration, within } = subject
    if (within !== undefined) return
    // Read now, while the schema before it is at hand; judged with the whole file.
    factsOf(subject)
    if (subject !== migration.statements.at(-1)) return
    const transactions = migration.groups.flatMap((group) => {
      if (group.kind === 'alone' || group.rolledBack || group.statements.length < 2) return []
      return [group.statements.flatMap(({ index }) => migration.statements[index] ?? [])]
    })
    const hazards = transactions.flatMap(hazardsOf)
    if (hazards.length === 0) return
    const cuts = transactions.flatMap(cutsOf)
    for (const hazard of hazards) yield verdictOf(hazard, cuts, major)
  },
})

/** What a statement brings into its transaction. */
interface Facts {
  /** Tables that it newly locks in ACCESS EXCLUSIVE. */
  taken: TableLock[]
  /** All that it needs in ACCESS EXCLUSIVE, held already or not. */
  exclusive: string[]
  work: Work | undefined
  /** Found by `no-bulk-change`, but not to be left where a recipe puts it. */
  isBulk: boolean
}

const known = new WeakMap<StatementSubject, Facts>()

function factsOf(subject: StatementSubject): Facts {
  const found = known.get(subject) ?? readFacts(subject)
  known.set(subject, found)
  return found
}

function readFacts(subject: StatementSubject): Facts {
  const isExclusive = ({ table, mode }: TableLock) => mode === 'ACCESS EXCLUSIVE' && !isDroppedBy(subject, table)
  const taken = tableLocks(subject).filter(isExclusive)
  const exclusive = [...taken, ...writtenLocks(subject).filter(isExclusive)].map(({ table }) => table)
  return { taken, exclusive, work: workOf(subject), isBulk: firstBulkChange(subject) !== undefined }
}

interface Held {
  lock: TableLock
  since: StatementSubject
}

/** A statement that others wait for because of what its transaction holds already. */
interface Hazard {
  subject: StatementSubject
  held: Held[]
  what: { kind: 'second table'; lock: TableLock } | ({ kind: 'work' } & Work)
  /** Further statements of the transaction of which the same could be said. */
  further: StatementSubject[]
}

/** One hazard of each kind: the others that a transaction has are noted with the first. */
function hazardsOf(subjects: readonly StatementSubject[]): Hazard[] {
  const held = new Map<string, Held>()
  let second: Hazard | undefined
  let work: Hazard | undefined
  for (const subject of subjects) {
    const { work: found, ...facts } = factsOf(subject)
    const taken = facts.taken.filter(({ table }) => !held.has(table))
    const [lock] = taken
    const before = [...held.values()]
    if (before.length > 0 && lock !== undefined) {
      if (second) second.further.push(subject)
      else second = { subject, held: before, what: { kind: 'second table', lock }, further: [] }
    } else if (found !== undefined) {
      // Validating under a lock on the table itself has a rule of its own.
      const isOwn = ({ table }: TableLock) => found.command === 'VALIDATE CONSTRAINT' && found.reads.includes(table)
      const waiting = before.filter((each) => !isOwn(each.lock))
      if (waiting.length > 0 && work) work.further.push(subject)
      else if (waiting.length > 0) work = { subject, held: waiting, what: { kind: 'work', ...found }, further: [] }
    }
    for (const each of taken) held.set(each.table, { lock: each, since: subject })
  }
  return [second, work].filter((hazard) => hazard !== undefined)
}

/** The statements before which the transaction has to end so that none of its parts has a hazard. */
function cutsOf(subjects: readonly StatementSubject[]): number[] {
  const cuts: number[] = []
  let held = new Set<string>()
  for (const subject of subjects) {
    const { exclusive, work, isBulk } = factsOf(subject)
    if (held.size > 0 && (isBulk || work !== undefined || exclusive.some((table) => !held.has(table)))) {
      cuts.push(subject.statement.index)
      held = new Set()
    }
    for (const table of exclusive) held.add(table)
  }
  return cuts
}

/** Nobody is expected to wait for a table that goes. */
function isDroppedBy({ statement, migration }: StatementSubject, table: string): boolean {
  const drop = statementOf(statement, 'DropStmt')
  if (drop?.removeType !== 'OBJECT_TABLE') return false
  return tableWritten(migration.history, table) === undefined
}

function verdictOf(hazard: Hazard, cuts: readonly number[], major: Major): Verdict {
  const { subject, held, what, further } = hazard
  const [first] = held
  const tables = held.map(({ lock }) => lock.printed)
  const locked = tables.length <= 2 ? tables.join(' and ') : `${tables[0] ?? ''} and ${tables.length - 1} more tables`
  const observation = observationOf(subject)
  const message =
    what.kind === 'second table'
      ? `ACCESS EXCLUSIVE on ${what.lock.printed} while the transaction still holds it on ${locked}: every read and ` +
        `write of ${tables.length === 1 ? 'both' : 'all'} waits, and sessions that use them in another order can ` +
        `deadlock with it`
      : `${what.command} runs while every read and write of ${locked} waits: the transaction holds ACCESS ` +
        `EXCLUSIVE on ` +
        (tables.length === 1 ? 'it' : 'them')
  return {
    kind: 'finding',
    severity: what.kind === 'work' ? 'error' : 'warning',
    message,
    at: placeOfStatement(subject),
    evidence: [
      observation
        ? traceEvidence(major, observation, {
            'held since an earlier statement': `ACCESS EXCLUSIVE on ${tables.join(', ')}`,
          })
        : what.kind === 'work'
          ? measured(shapeOf(what, held), major, { t: first?.lock.printed ?? '' })
          : measured('ALTER TABLE, then ALTER TABLE of another table in the same transaction', major, {
              t: first?.lock.printed ?? '',
              r: what.lock.printed,
            }),
    ],
    related: [
      ...held.map(({ lock, since }) => ({ at: placeOfStatement(since), message: `locks ${lock.printed}` })),
      ...further.map((each) => ({ at: placeOfStatement(each), message: 'and so does this' })),
    ],
    ...remedy(hazard, cuts),
  }
}

function shapeOf({ reads, shapes }: Work, [first]: readonly Held[]): LockShapeName {
  return first !== undefined && reads.includes(first.lock.table) ? shapes.same : shapes.other
}

/** Ends the transaction before every statement that must not be in it. */
function remedy({ subject, what }: Hazard, cuts: readonly number[]): { next: string; fixes: Fix[] } {
  const { migration, statement } = subject
  const other = what.kind === 'work' ? remedies[what.command] : undefined
  if (other !== undefined) {
    return { next: `Do what its finding of ${other} says: then it does not wait here, nor for this.`, fixes: [] }
  }
  if (isBetweenBeginAndCommit(migration)) {
    const reason = whyOneTransaction(migration, statement.index)
    if (reason !== undefined) {
      return {
        next:
          `The file has to stay one transaction, because ${reason}. Find a way that needs no such switch, or run it ` +
          'at a quiet moment.',
        fixes: [],
      }
    }
    const edit = { file: migration.file, start: statement.start, end: statement.start, text: 'COMMIT;\nBEGIN;\n' }
    const isEditable = !migration.released && !opensTransaction(migration.mode)
    return {
      next: 'End the transaction before it and begin another:\n  COMMIT;\n  BEGIN;',
      fixes: isEditable ? [{ title: 'COMMIT before it', safety: 'review', edits: [edit], newFiles: [] }] : [],
    }
  }
  const parts = cuts.map((from, position) =>
    partOfFile(migration, from, cuts[position + 1] ?? migration.statements.length, position + 2),
  )
  return splitBefore(subject, {
    title: 'Split the file, so that each transaction locks one table',
    says: 'End the file before it and go on in a migration of its own, in another transaction.',
    parts,
  })
}

/** The rules that have a way to do the work without keeping anybody waiting. */
const remedies: Readonly<Record<string, string>> = {
  'CREATE INDEX': 'require-concurrent-index',
  'ADD FOREIGN KEY': 'require-not-valid-foreign-key',
  REINDEX: 'require-concurrent-reindex',
}
