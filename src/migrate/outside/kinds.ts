import { statementOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import { isOptionOn } from '../../sql/transactions.ts'
import { alterSubscription } from './alter-subscription.ts'
import type { AlterSubscriptionBefore } from './alter-subscription.ts'
import { createIndex } from './create-index.ts'
import type { CreateIndexBefore } from './create-index.ts'
import { detachPartition } from './detach-partition.ts'
import type { DetachPartitionBefore } from './detach-partition.ts'
import { dropIndex } from './drop-index.ts'
import type { DropIndexBefore } from './drop-index.ts'
import { mayCommit } from './may-commit.ts'
import type { MayCommitBefore } from './may-commit.ts'
import { namedIn, namedObject } from './named-object.ts'
import type { NamedObjectBefore } from './named-object.ts'
import type { OutsideKind } from './outside-kind.ts'
import { reindex } from './reindex.ts'
import type { ReindexBefore } from './reindex.ts'
import { repeatable } from './repeatable.ts'
import type { RepeatableBefore } from './repeatable.ts'

/** What an intent keeps, of each kind of statement. */
export type OutsideBefore =
  | AlterSubscriptionBefore
  | CreateIndexBefore
  | DetachPartitionBefore
  | DropIndexBefore
  | MayCommitBefore
  | NamedObjectBefore
  | ReindexBefore
  | RepeatableBefore

const kinds = {
  'alter-subscription': alterSubscription,
  'create-index': createIndex,
  'detach-partition': detachPartition,
  'drop-index': dropIndex,
  'may-commit': mayCommit,
  'named-object': namedObject,
  reindex,
  repeatable,
}

/** How a statement that no transaction block takes, or that may commit, is taken through a crash. */
export function kindOfStatement(statement: Statement): OutsideKind<OutsideBefore> {
  return kindNamed(kindName(statement))
}

/** The kind that wrote down what an intent keeps; undefined where another version of kei wrote it. */
export function kindOfIntent(before: unknown): { kind: OutsideKind<OutsideBefore>; before: OutsideBefore } | undefined {
  if (typeof before !== 'object' || before === null || !('kind' in before)) return undefined
  const { kind } = before
  if (typeof kind !== 'string' || !Object.hasOwn(kinds, kind)) return undefined
  return { kind: kindNamed(kind as OutsideBefore['kind']), before: before as OutsideBefore }
}

/** Each kind is only ever given what it wrote itself, which the compiler cannot see. */
function kindNamed(name: OutsideBefore['kind']): OutsideKind<OutsideBefore> {
  return kinds[name] as unknown as OutsideKind<OutsideBefore>
}

function kindName(statement: Statement): OutsideBefore['kind'] {
  if (namedIn(statement) !== undefined) return 'named-object'
  switch (statement.tag) {
    case 'IndexStmt':
      return 'create-index'
    case 'DropStmt':
      return 'drop-index'
    case 'ReindexStmt':
      return 'reindex'
    case 'AlterTableStmt':
      return 'detach-partition'
    case 'AlterSubscriptionStmt':
      return 'alter-subscription'
    case 'CallStmt':
    case 'DoStmt':
      return 'may-commit'
    default:
      return 'repeatable'
  }
}

/**
 * Whether the statement takes only locks that let reads and writes through, and waits for transactions to end: a
 * lock_timeout would break it off half-way.
 */
export function isConcurrent(statement: Statement): boolean {
  const name = kindName(statement)
  if (name === 'reindex') return isOptionOn(statementOf(statement, 'ReindexStmt')?.params, 'concurrently', false)
  return name === 'create-index' || name === 'drop-index' || name === 'detach-partition'
}
