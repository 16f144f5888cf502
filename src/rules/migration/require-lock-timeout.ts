import type { Evidence } from '../../findings/evidence.ts'
import type { Fix } from '../../findings/fix.ts'
import { compareLockModes } from '../../findings/lock-mode.ts'
import { readHeader } from '../../sql/file-header.ts'
import type { Span } from '../../sql/positions.ts'
import type { NodeTag, Statement } from '../../sql/statement.ts'
import { behaviourOf } from '../../sql/transactions.ts'
import type { StatementGroup } from '../../sql/transactions.ts'
import { whomItBlocks } from '../effect.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { afterSemicolon } from '../recipe.ts'
import { defineRule } from '../rule.ts'
import type { Major, Verdict } from '../rule.ts'
import type { MigrationSubject, StatementSubject } from '../subject.ts'
import { lockTimeoutSet } from './lock-timeout.ts'
import { tableLocks } from './table-locks.ts'
import type { TableLock } from './table-locks.ts'

export default defineRule({
  id: 'require-lock-timeout',
  since: '0.1.0',
  severity: 'note',
  category: 'migration',
  subject: 'statement',
  about: 'change',
  needs: ['source', 'trace'],
  summary: 'A strong lock is waited for without lock_timeout, or with a long one',
  why:
    'A statement that waits for a strong lock stands in the queue of its table, and everybody who comes after it ' +
    'stands ' +
    'behind it, readers too. One report that has been running for an hour then stops a service, although the ALTER ' +
    'TABLE would take a millisecond. lock_timeout makes the statement give up instead, so that the queue moves ' +
    'on and ' +
    'the migration can be tried again. Only the wait is limited, not the work.',
  instead:
    "Set it in the file before the first such statement: SET LOCAL lock_timeout = '1s' in a transaction, SET where " +
    'there is none. kei’s runner sets 1 s by itself and tries again, so in its folders only a file that sets ' +
    'more than ' +
    'maxSeconds, or no limit, is found. A statement_timeout of 0 is right for a migration.',
  examples: [
    {
      title: 'No limit',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'SET LOCAL lock_timeout = 0;\nALTER TABLE orders ADD COLUMN note text;',
      at: 'SET LOCAL lock_timeout = 0',
      good: "SET LOCAL lock_timeout = '5s';\nALTER TABLE orders ADD COLUMN note text;",
    },
    {
      title: 'A long one, by set_config',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: "SELECT set_config('lock_timeout', '10min', true);\nALTER TABLE orders ADD COLUMN note text;",
      at: "SELECT set_config('lock_timeout', '10min', true)",
      good: 'SET LOCAL statement_timeout = 0;\nALTER TABLE orders ADD COLUMN note text;',
    },
    {
      title: 'A long one, in the header',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: '-- kei: lock-timeout 5min\nALTER TABLE orders ADD COLUMN note text;',
      at: '-- kei: lock-timeout 5min',
      good: '-- kei: lock-timeout 5min\nCREATE TABLE returns (id bigint PRIMARY KEY);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/runtime-config-client.html#GUC-LOCK-TIMEOUT',
    'https://www.postgresql.org/docs/17/explicit-locking.html#LOCKING-TABLES',
  ],
  options: {
    maxSeconds: { description: 'The longest lock_timeout that a file may set.', default: 30 },
  },
  changes: { objects: [] },
  claims: [
    {
      says: 'SET LOCAL holds for the rest of a string of several statements, without BEGIN too.',
      setup: '',
      statement:
        "SET LOCAL lock_timeout = '1s'; DO $$ BEGIN IF current_setting('lock_timeout') = '1s' THEN RAISE 'it holds'; " +
        'END IF; END $$',
      fails: 'P0001',
    },
    {
      says: 'It is gone with its transaction.',
      setup: '',
      statement:
        "BEGIN; SET LOCAL lock_timeout = '1s'; COMMIT; DO $$ BEGIN IF current_setting('lock_timeout') = '0' THEN " +
        "RAISE 'it is gone'; END IF; END $$",
      fails: 'P0001',
    },
    {
      says: 'Adding a column takes ACCESS EXCLUSIVE, for which it has to wait behind every reader.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'ALTER TABLE t ADD COLUMN b int',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      scans: [],
    },
  ],
  *check(subject, { major, options }) {
    const { migration, within } = subject
    // A statement that ends by itself (CONCURRENTLY, a DO block that commits) waits in other ways.
    if (within !== undefined || behaviourOf(subject.statement) !== 'inside') return
    const limit = limitBefore(subject)
    const longest = Number(options['maxSeconds']) * 1000
    const isTooLong = limit !== undefined && (limit.milliseconds === 0 || limit.milliseconds > longest)
    if (limit !== undefined && !isTooLong) return
    if (limit === undefined && migration.layout === 'kei') return
    const [lock] = tableLocks(subject).toSorted((a, b) => compareLockModes(b.mode, a.mode))
    if (lock === undefined) return
    // Once for each cause: the setting, or the file that has none.
    const cause = limit?.set
    const isFirst = !migration.statements
      .slice(0, subject.statement.index)
      .some(
        (other) =>
          behaviourOf(other.statement) === 'inside' &&
          tableLocks(other).length > 0 &&
          limitBefore(other)?.set === cause,
      )
    if (!isFirst) return
    yield limit === undefined ? missing(subject, lock, major) : tooLong(subject, lock, limit, longest, major)
  },
})

/** A limit as it stands before a statement. */
interface Limit {
  milliseconds: number
  set: StatementSubject | 'header'
}

const known = new WeakMap<MigrationSubject, (Limit | undefined)[]>()

/** What the file has set when the statement runs; undefined where it sets nothing. */
function limitBefore({ migration, statement }: StatementSubject): Limit | undefined {
  const limits = known.get(migration) ?? limitsOf(migration)
  known.set(migration, limits)
  return limits[statement.index]
}

/** The statements of which `lockTimeoutSet` knows something. */
const maySet: ReadonlySet<NodeTag> = new Set(['VariableSetStmt', 'SelectStmt'])

/** By statement. */
function limitsOf(migration: MigrationSubject): (Limit | undefined)[] {
  const header = migration.layout === 'kei' ? readHeader(migration.text).header.lockTimeout : undefined
  // Most files set nothing.
  if (header === undefined && !migration.statements.some(({ statement }) => maySet.has(statement.tag))) return []
  let session: Limit | undefined = header === undefined ? undefined : { milliseconds: header, set: 'header' }
  let local: Limit | undefined
  let last: StatementGroup | undefined
  const transactions = transactionsOf(migration)
  return migration.statements.map((subject) => {
    const transaction = transactions.get(subject.statement)
    if (transaction !== last) local = undefined
    last = transaction
    const before = local ?? session
    const found = lockTimeoutSet(subject.statement)
    if (found === undefined) return before
    // What is computed is taken for right.
    const limit: Limit = { milliseconds: found.milliseconds ?? 1, set: subject }
    if (!found.isLocal) session = limit
    local = transaction && limit
    return before
  })
}

/** The transaction of each statement that runs in one. */
function transactionsOf({ groups }: MigrationSubject): ReadonlyMap<Statement, StatementGroup> {
  return new Map(
    groups.flatMap((group) =>
      group.kind === 'transaction' ? group.statements.map((statement) => [statement, group] as const) : [],
    ),
  )
}

function evidenceOf(subject: StatementSubject, major: Major, text: string): [Evidence, ...Evidence[]] {
  const observation = observationOf(subject)
  return [{ kind: 'source', text }, ...(observation ? [traceEvidence(major, observation)] : [])]
}

function missing(subject: StatementSubject, lock: TableLock, major: Major): Verdict {
  const { migration, statement } = subject
  const isIn = transactionsOf(migration).has(statement) || migration.mode === 'simple-query'
  // Some versions of Prisma send the statements one by one.
  const set = isIn && migration.layout !== 'prisma' ? "SET LOCAL lock_timeout = '1s';" : "SET lock_timeout = '1s';"
  const edit = { file: migration.file, start: statement.start, end: statement.start, text: `${set}\n` }
  const fix: Fix = { title: `Write ${set}`, safety: 'safe', edits: [edit], newFiles: [] }
  return {
    kind: 'finding',
    message:
      `Waits without lock_timeout for ${lock.mode} on ${lock.printed}: until it has the lock, ` +
      `${whomItBlocks(lock.mode)} waits behind it`,
    at: placeOfStatement(subject),
    evidence: evidenceOf(subject, major, statement.text),
    next: `Write before it ${set} When the migration fails for that, run it again.`,
    fixes: migration.released ? [] : [fix],
  }
}

function tooLong(
  subject: StatementSubject,
  lock: TableLock,
  { milliseconds, set }: Limit,
  longest: number,
  major: Major,
): Verdict {
  const { migration } = subject
  const { file, text } = migration
  const span = set === 'header' ? headerSpan(text) : { start: set.statement.start, end: set.statement.end }
  const end = set === 'header' ? lineEnd(text, span.end) : afterSemicolon(text, span.end)
  const isKei = migration.layout === 'kei'
  const shorter = `set at most ${longest / 1000} s`
  const fix: Fix = {
    title: 'Take it out: kei sets 1 s and tries again',
    safety: 'review',
    edits: [{ file, start: span.start, end, text: '' }],
    newFiles: [],
  }
  return {
    kind: 'finding',
    message:
      (milliseconds === 0 ? 'There is no limit on' : `Up to ${milliseconds / 1000} s is allowed for`) +
      ` the wait for ${lock.mode} on ${lock.printed}: all that time ${whomItBlocks(lock.mode)} waits behind it`,
    at: { file, text, span },
    evidence: evidenceOf(subject, major, text.slice(span.start, span.end)),
    related: [{ at: placeOfStatement(subject), message: `waits for ${lock.mode} on ${lock.printed}` }],
    next: isKei ? `Take it out, kei sets 1 s and tries again; or ${shorter}.` : `Set at most ${longest / 1000} s.`,
    fixes: migration.released || !isKei ? [] : [fix],
  }
}

function headerSpan(text: string): Span {
  const found = /--[ \t]*kei:[ \t]*lock-timeout[^\n]*/.exec(text)
  const start = found?.index ?? 0
  return { start, end: start + (found?.[0].trimEnd().length ?? 0) }
}

function lineEnd(text: string, at: number): number {
  const next = text.indexOf('\n', at)
  return next === -1 ? text.length : next + 1
}
