import { nodeOf, statementOf } from '../../sql/statement.ts'
import { quoteIdentifier } from '../../sql/identifier.ts'
import { dropConcurrently, refuseBuiltElsewhere } from './invalid-index.ts'
import { readIndex } from './index-definition.ts'
import type { OutsideKind } from './outside-kind.ts'
import { readOnly } from '../../postgres/read-only.ts'
import { findRelation, findRelationIfAny } from './relation.ts'

export interface DropIndexBefore {
  kind: 'drop-index'
  /** Absent where IF EXISTS has nothing to drop. */
  index?: { oid: string; valid: boolean }
}

/**
 * DROP INDEX CONCURRENTLY: done when the oid is gone. One that stopped half-way leaves an INVALID index that nothing
 * can make valid again; it is then dropped to the end.
 */
export const dropIndex: OutsideKind<DropIndexBefore> = {
  async before(client, statement) {
    const drop = statementOf(statement, 'DropStmt')
    const names = nodeOf(drop?.objects?.[0], 'List')?.items ?? []
    const written = names.map((name) => quoteIdentifier(nodeOf(name, 'String')?.sval ?? '')).join('.')
    const find = drop?.missing_ok === true ? findRelationIfAny : findRelation
    const found = await find(client, written)
    if (found === undefined) return { kind: 'drop-index' }
    const index = await readIndex(client, found.oid)
    return { kind: 'drop-index', index: { oid: found.oid, valid: index?.valid === true } }
  },

  async clear(client, { index: before }) {
    if (before === undefined || !before.valid) return
    const index = await readOnly(client, () => readIndex(client, before.oid))
    if (index === undefined || index.valid) return
    await refuseBuiltElsewhere(client, index)
    await dropConcurrently(client, index)
  },

  async decide(client, { index }) {
    if (index === undefined) return 'done'
    const { rowCount } = await client.query('SELECT FROM pg_catalog.pg_class WHERE oid = $1::oid', [index.oid])
    return rowCount === 0 ? 'done' : 'not-done'
  },
}
