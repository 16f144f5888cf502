import { relationSeen } from '../relation-left.ts'
import { compareLockModes } from '../../findings/lock-mode.ts'
import { textNameOf } from '../../sql/identifier.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import { alterCommands, alteredTable } from '../alter-command.ts'
import { whomItBlocks } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { isNewTable } from '../new-tables.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import { lockTimeoutSet } from './lock-timeout.ts'
import type { HistorySubject, StatementSubject } from '../subject.ts'
import { partitionsOf } from '../used-table.ts'
import { tableLocks } from './table-locks.ts'
import type { TableLock } from './table-locks.ts'

export default defineRule({
  id: 'no-referenced-table-lock',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'statement',
  statements: ['CreateStmt', 'AlterTableStmt', 'DropStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'A statement that locks a table which it does not name, because of a foreign key',
  why:
    'A foreign key is a pair of triggers, one on each table, so making or dropping it locks both. DROP TABLE, DROP ' +
    'COLUMN and DROP CONSTRAINT of a foreign key take ACCESS EXCLUSIVE on the referenced table too, often the busiest ' +
    'one of all: everyone who reads or writes it waits, until the transaction ends. REFERENCES in CREATE TABLE and on a ' +
    'new column takes SHARE ROW EXCLUSIVE there, which keeps writers waiting; that is told only where no lock_timeout is in ' +
    'force. The locks themselves are short; what is ' +
    'long is the rest of the transaction, and the queue behind a lock that is not granted at once.',
  instead:
    'Give the statement a migration of its own, so that nothing else is done while both tables are locked, with a ' +
    'lock_timeout, so that nobody queues behind it for long; kei’s runner sets one and tries again. Before a table or ' +
    'column is dropped, drop its foreign keys one by one in that way. Alone in its transaction it is only a note, and ' +
    'so is what keeps only writers waiting.',
  examples: [
    {
      title: 'A table with a foreign key is dropped, and more is done',
      setup:
        'CREATE TABLE customers (id bigint PRIMARY KEY);\n' +
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers);\n' +
        'CREATE TABLE notes (id bigint PRIMARY KEY);\nCREATE INDEX ON orders (customer_id);',
      bad: 'DROP TABLE orders;\nCREATE TABLE returns (id bigint PRIMARY KEY);',
      at: 'DROP TABLE orders',
      good: 'DROP TABLE notes;\nCREATE TABLE returns (id bigint PRIMARY KEY);',
    },
    {
      title: 'A foreign key is dropped',
      setup:
        'CREATE TABLE customers (id bigint PRIMARY KEY);\n' +
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, total numeric,\n' +
        '  CONSTRAINT customer FOREIGN KEY (customer_id) REFERENCES customers,\n' +
        '  CONSTRAINT positive CHECK (total > 0));\nCREATE INDEX ON orders (customer_id);',
      bad: 'ALTER TABLE orders DROP CONSTRAINT customer;',
      at: 'ALTER TABLE orders DROP CONSTRAINT customer',
      good: 'ALTER TABLE orders DROP CONSTRAINT positive;',
    },
    {
      title: 'A new table that references one in use, without a lock_timeout',
      setup: 'CREATE TABLE customers (id bigint PRIMARY KEY);',
      bad:
        'SET LOCAL lock_timeout = 0;\n' +
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers);',
      at: 'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers)',
      good:
        'CREATE TABLE shops (id bigint PRIMARY KEY);\n' +
        'CREATE TABLE orders (id bigint PRIMARY KEY, shop_id bigint REFERENCES shops, copy_of bigint REFERENCES orders);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/ddl-constraints.html#DDL-CONSTRAINTS-FK',
    'https://www.postgresql.org/docs/17/explicit-locking.html#LOCKING-TABLES',
  ],
  options: {},
  claims: [
    {
      says: 'DROP TABLE takes ACCESS EXCLUSIVE on the tables that its foreign keys reference.',
      setup: 'CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t (a int REFERENCES r);',
      statement: 'DROP TABLE t',
      locks: { 'public.r': 'ACCESS EXCLUSIVE' },
    },
    {
      says: 'So does DROP CONSTRAINT of a foreign key.',
      setup: 'CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t (a int CONSTRAINT f REFERENCES r);',
      statement: 'ALTER TABLE t DROP CONSTRAINT f',
      locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'ACCESS EXCLUSIVE' },
    },
    {
      says: 'DROP TABLE … CASCADE takes it on the tables that reference it.',
      setup: 'CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE s (a int REFERENCES t);',
      statement: 'DROP TABLE t CASCADE',
      locks: { 'public.s': 'ACCESS EXCLUSIVE' },
    },
    {
      says: 'CREATE TABLE … REFERENCES takes SHARE ROW EXCLUSIVE on the referenced table.',
      setup: 'CREATE TABLE r (a int PRIMARY KEY);',
      statement: 'CREATE TABLE t (a int REFERENCES r)',
      locks: { 'public.r': 'SHARE ROW EXCLUSIVE' },
    },
  ],
  *check(subject, { major }) {
    const action = actionOf(subject)
    if (action === undefined) return
    const { what, shape, own, mode } = action
    const locks = otherLocks(subject, own).filter((lock) => lock.mode === mode)
    const [first] = locks
    if (first === undefined) return
    // Whoever gives up soon, and has the lock for a moment only, keeps nobody waiting.
    if (mode === 'SHARE ROW EXCLUSIVE' && isLockTimeoutSet(subject)) return
    const observation = observationOf(subject)
    const names = [...new Set(locks.map(({ printed }) => printed))].join(', ')
    const isShort = mode === 'SHARE ROW EXCLUSIVE' || isAlone(subject)
    yield {
      kind: 'finding',
      ...(isShort && { severity: 'note' as const }),
      message: `${what} locks ${names} as well, because of a foreign key: ${whomItBlocks(mode)} to it waits until the transaction ends (${mode})`,
      at: placeOfStatement(subject),
      evidence: [observation ? traceEvidence(major, observation) : measured(shape, major, { r: first.printed })],
      next: isAlone(subject)
        ? 'Keep it alone in its transaction, with a lock_timeout, which kei’s runner sets: then the lock is short.'
        : 'There is no way without that lock. Move it to a migration of its own, so that nothing else is done meanwhile, ' +
          'with a lock_timeout, which kei’s runner sets; or say why it may stay, in a line before the statement:\n' +
          `  -- kei: ignore no-referenced-table-lock: REASON`,
    }
  },
})

/** Whether a lock_timeout is in force: kei's runner sets one, unless the file takes it away. */
function isLockTimeoutSet({ statement, migration, within }: StatementSubject): boolean {
  const { index } = within?.statement ?? statement
  const settings = migration.statements.slice(0, index).map((each) => lockTimeoutSet(each.statement))
  const last = settings.findLast((each) => each !== undefined)
  return last === undefined ? migration.layout === 'kei' : last.milliseconds !== 0
}

/** What a statement does to a foreign key that no other rule has a way around. */
interface Action {
  /** As a message calls it. */
  what: string
  shape: LockShapeName
  /** The tables that the statement is about, as a `SchemaText` names them. */
  own: string[]
  /** In which mode it locks the other table. */
  mode: 'ACCESS EXCLUSIVE' | 'SHARE ROW EXCLUSIVE'
}

function actionOf(subject: StatementSubject): Action | undefined {
  const { statement, migration, within } = subject
  const nameOf = (schema: string | undefined, name: string | undefined) =>
    resolveName(migration.history.before(subject), schema, name ?? '')
  switch (statement.tag) {
    case 'DropStmt': {
      const drop = statementOf(statement, 'DropStmt')
      if (drop?.removeType !== 'OBJECT_TABLE' && drop?.removeType !== 'OBJECT_SCHEMA') return undefined
      const names = (drop.objects ?? []).map((object) => namesOf(object))
      const own = names.map((parts) => nameOf(parts.at(-2), parts.at(-1)))
      const what = drop.removeType === 'OBJECT_TABLE' ? 'DROP TABLE' : 'DROP SCHEMA'
      return { what, shape: 'DROP TABLE, with a foreign key', own, mode: 'ACCESS EXCLUSIVE' }
    }
    case 'CreateStmt': {
      if (!referencesAny(statement)) return undefined
      const relation = statementOf(statement, 'CreateStmt')?.relation
      const own = [nameOf(relation?.schemaname, relation?.relname)]
      return { what: 'CREATE TABLE … REFERENCES', shape: 'CREATE TABLE … REFERENCES', own, mode: 'SHARE ROW EXCLUSIVE' }
    }
    case 'AlterTableStmt': {
      const commands = alterCommands(statement).map(({ node }) => node)
      const has = (subtype: string) => commands.some((node) => node.subtype === subtype)
      if (!has('AT_DropConstraint') && !has('AT_DropColumn') && !referencesAny(statement)) return undefined
      const table = alteredTable(subject)
      if (table === undefined) return undefined
      const own = [table]
      if (has('AT_DropConstraint')) {
        const shape = 'ALTER TABLE … DROP CONSTRAINT, foreign key'
        return { what: 'DROP CONSTRAINT', shape, own, mode: 'ACCESS EXCLUSIVE' }
      }
      if (has('AT_DropColumn')) {
        const shape = 'ALTER TABLE … DROP COLUMN, with a foreign key'
        return { what: 'DROP COLUMN', shape, own, mode: 'ACCESS EXCLUSIVE' }
      }
      if (has('AT_AddColumn')) {
        const shape = 'ALTER TABLE … ADD COLUMN … REFERENCES'
        return { what: 'ADD COLUMN … REFERENCES', shape, own, mode: 'SHARE ROW EXCLUSIVE' }
      }
      // On a table in use it reads rows as well, unless it is NOT VALID: another rule has the way around.
      if (!isNewTable(migration, table, (within?.statement ?? statement).index)) return undefined
      const shape = 'ALTER TABLE … ADD FOREIGN KEY'
      return { what: 'ADD FOREIGN KEY', shape, own, mode: 'SHARE ROW EXCLUSIVE' }
    }
    default:
      return undefined
  }
}

/** Whether a CREATE TABLE or ALTER TABLE writes a foreign key. */
function referencesAny({ node }: Statement): boolean {
  const elements =
    nodeOf(node, 'CreateStmt')?.tableElts ??
    (nodeOf(node, 'AlterTableStmt')?.cmds ?? []).flatMap((each) => nodeOf(each, 'AlterTableCmd')?.def ?? [])
  return elements
    .flatMap((element) => [element, ...(nodeOf(element, 'ColumnDef')?.constraints ?? [])])
    .some((each) => nodeOf(each, 'Constraint')?.contype === 'CONSTR_FOREIGN')
}

/** Locks on tables in use that the statement neither names nor drops. */
function otherLocks(subject: StatementSubject, own: readonly string[]): TableLock[] {
  const dropped = (observationOf(subject)?.dropped ?? []).map(({ name }) => textNameOf(name))
  const locks = tableLocks(subject).filter(
    ({ mode, table }) => compareLockModes(mode, 'SHARE ROW EXCLUSIVE') >= 0 && !own.includes(table),
  )
  if (locks.length === 0) return []
  const draft = subject.migration.history.before(subject)
  const reached = new Set([
    ...own,
    ...dropped,
    ...own.flatMap((name) => partitionsOf(draft, name).map((each) => each.name)),
  ])
  return locks.filter(({ table }) => !reached.has(table) && !isBelow(subject.migration.history, table, reached))
}

/** Whether the traced history leaves the table as a partition of one of `above`; code makes some that the text does not show. */
function isBelow(history: HistorySubject, table: string, above: ReadonlySet<string>): boolean {
  const found = relationSeen(history, table)?.partitionOf
  if (found === undefined) return false
  const parent = textNameOf(found)
  return above.has(parent) || isBelow(history, parent, above)
}

/** Whether nothing else is done in the statement's transaction. */
function isAlone({ statement, migration, within }: StatementSubject): boolean {
  const { index } = within?.statement ?? statement
  const group = migration.groups.find(({ statements }) => statements.some((each) => each.index === index))
  return within === undefined && (group?.statements.length ?? 1) === 1
}
