import { compareLockModes, lockModes } from '../../findings/lock-mode.ts'
import type { LockMode } from '../../findings/lock-mode.ts'
import { statementOf } from '../../sql/statement.ts'
import { whomItBlocks } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { recipe } from '../recipe.ts'
import { defineRule } from '../rule.ts'
import { tableLocks } from './table-locks.ts'

export default defineRule({
  id: 'no-lock-table',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'statement',
  statements: ['LockStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'LOCK TABLE on a table in use, in a mode that keeps writes waiting',
  why:
    'LOCK TABLE is kept until the transaction ends, so it makes others wait for everything that follows, for the ' +
    'statements that need no such lock too. Without a mode it takes ACCESS EXCLUSIVE, which stops reads as well. ' +
    'In a ' +
    'migration it is seldom needed: every statement takes by itself the weakest lock with which it is correct.',
  instead:
    'Take it out, and let each statement lock what it needs for as long as it needs it. Where rows must not change ' +
    'between two statements, lock those rows with SELECT … FOR UPDATE. Where it is the point of the migration, ' +
    'to get ' +
    'one lock before another so that two sessions cannot block each other, keep it with a lock_timeout and say ' +
    'why in ' +
    'an ignore comment.',
  examples: [
    {
      title: 'A lock before a change that takes its own',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, note text);',
      bad: "LOCK TABLE orders;\nUPDATE orders SET note = '' WHERE id = 1;",
      at: 'LOCK TABLE orders',
      good: "UPDATE orders SET note = '' WHERE id = 1;",
    },
    {
      title: 'A table that the same file creates',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE;\nCREATE TABLE invoices (id bigint PRIMARY KEY);',
      at: 'LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE',
      good: 'CREATE TABLE invoices (id bigint PRIMARY KEY);\nLOCK TABLE invoices;',
    },
    {
      title: 'A mode that lets writes through',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'LOCK TABLE orders IN SHARE MODE;\nCREATE TABLE invoices (id bigint PRIMARY KEY);',
      at: 'LOCK TABLE orders IN SHARE MODE',
      good: 'LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE;\nCREATE TABLE invoices (id bigint PRIMARY KEY);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-lock.html',
    'https://www.postgresql.org/docs/17/explicit-locking.html#LOCKING-TABLES',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'LOCK TABLE without a mode takes ACCESS EXCLUSIVE, on partitions too.',
      setup: 'CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE p PARTITION OF t DEFAULT;',
      statement: 'LOCK TABLE t',
      locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    },
    {
      says: 'LOCK TABLE is refused outside a transaction, where it would do nothing.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'LOCK TABLE t',
      fails: '25P01',
    },
  ],
  *check(subject, { major }) {
    const lock = statementOf(subject.statement, 'LockStmt')
    const mode = lockModes[(lock?.mode ?? 0) - 1]
    if (mode === undefined || compareLockModes(mode, 'SHARE') < 0) return
    const [first, ...others] = tableLocks(subject)
    if (first === undefined) return
    const observation = observationOf(subject)
    const tables = others.length === 0 ? first.printed : `${first.printed} and ${others.length} more`
    yield {
      kind: 'finding',
      message: `LOCK TABLE makes ${whomItBlocks(mode)} to ${tables} wait until the transaction ends (${mode})`,
      at: placeOfStatement(subject),
      evidence: [
        observation ? traceEvidence(major, observation) : measured(shapeOf(mode), major, { t: first.printed }),
      ],
      ...recipe(subject, {
        title: 'Take LOCK TABLE out',
        says: 'Take it out: every statement takes the lock that it needs by itself.',
        instead: '',
        then: [],
      }),
    }
  },
})

function shapeOf(mode: LockMode): LockShapeName {
  switch (mode) {
    case 'SHARE':
      return 'LOCK TABLE … IN SHARE MODE'
    case 'SHARE ROW EXCLUSIVE':
      return 'LOCK TABLE … IN SHARE ROW EXCLUSIVE MODE'
    case 'EXCLUSIVE':
      return 'LOCK TABLE … IN EXCLUSIVE MODE'
    default:
      return 'LOCK TABLE'
  }
}
