import type { ColumnRef, DeleteStmt, Node, RangeVar, UpdateStmt } from '@pgsql/types'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import { namesOf, nodeOf } from '../../sql/statement.ts'
import { findNodes } from '../../sql/walk.ts'
import { acknowledge, dumpCommand } from '../acknowledgement.ts'
import { isUnused } from '../drops.ts'
import { isNewObject } from '../new-objects.ts'
import { printedName } from '../object-name.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'

export default defineRule({
  id: 'no-unfiltered-change',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['DeleteStmt', 'UpdateStmt', 'InsertStmt', 'SelectStmt', 'MergeStmt'],
  about: 'change',
  destructive: true,
  needs: ['source'],
  summary: 'A DELETE or UPDATE without a condition on the rows of a table that an earlier migration left',
  why:
    'A DELETE without WHERE destroys every row of the table. An UPDATE without WHERE overwrites what every row held ' +
    '(a warning): nothing keeps the values before. WHERE true says no more than no WHERE does. With a second table in ' +
    'FROM or USING and nothing that ties the two together, each row of the first meets every row of the second: all ' +
    'are deleted, or take the values of an arbitrary one. Tables that the same file creates, temporary ones and ' +
    'columns that it adds hold nothing to lose. A value made of the column’s own, lower(email), is plainly meant for ' +
    'every row and no finding.',
  instead:
    'Write the condition, and look at it as a SELECT first. If every row is meant, change them in batches by key, keep ' +
    'what was there before, and say why in an ignore comment.',
  examples: [
    {
      title: 'DELETE of every row',
      setup: 'CREATE TABLE carts (id bigint PRIMARY KEY, kept_until date NOT NULL);',
      bad: 'DELETE FROM carts;',
      at: 'DELETE FROM carts',
      good: 'DELETE FROM carts WHERE kept_until < current_date;',
    },
    {
      title: 'UPDATE of every row, but not of a column that the same file adds',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, status text, total numeric);',
      bad: "UPDATE orders SET status = 'open' WHERE true;",
      at: "UPDATE orders SET status = 'open' WHERE true",
      good:
        'ALTER TABLE orders ADD COLUMN cents bigint;\nUPDATE orders SET cents = total * 100;\n' +
        "UPDATE orders SET status = 'open' WHERE status IS NULL;",
    },
    {
      title: 'Nothing ties the two tables together',
      setup:
        'CREATE TABLE customers (id bigint PRIMARY KEY, city text, old boolean);\n' +
        'CREATE TABLE orders (customer_id bigint, city text);',
      bad: 'UPDATE orders SET city = c.city FROM customers c WHERE c.old;',
      at: 'UPDATE orders SET city = c.city FROM customers c WHERE c.old',
      good: 'UPDATE orders SET city = c.city FROM customers c WHERE c.old AND c.id = orders.customer_id;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-delete.html',
    'https://www.postgresql.org/docs/17/sql-update.html#SQL-UPDATE-NOTES',
  ],
  options: {},
  claims: [
    {
      says: 'DELETE … WHERE true destroys every row.',
      setup: 'CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100);',
      statement: 'DELETE FROM t WHERE true',
      then: { query: 'SELECT count(*)::text FROM t', rows: [['0']] },
    },
    {
      says: 'UPDATE … FROM without a condition that ties the tables changes every row.',
      setup:
        'CREATE TABLE t (a int); CREATE TABLE r (b int, c int); INSERT INTO t SELECT generate_series(1, 100); ' +
        'INSERT INTO r VALUES (1, 7), (2, 8);',
      statement: 'UPDATE t SET a = r.c FROM r WHERE r.b = 1',
      then: { query: 'SELECT count(*)::text FROM t WHERE a = 7', rows: [['100']] },
    },
    {
      says: 'DELETE … USING without one deletes every row.',
      setup: 'CREATE TABLE t (a int); CREATE TABLE r (b int); INSERT INTO t VALUES (1), (2); INSERT INTO r VALUES (1);',
      statement: 'DELETE FROM t USING r WHERE r.b = 1',
      then: { query: 'SELECT count(*)::text FROM t', rows: [['0']] },
    },
  ],
  *check(subject) {
    const { tag, node } = subject.statement
    const deletes = findNodes(node, 'DeleteStmt').filter(
      // What a WITH returns goes on: rows that are moved are not lost.
      (each) => tag === 'DeleteStmt' || returned(each).length === 0,
    )
    for (const each of deletes) yield* judgeDelete(subject, each)
    for (const each of findNodes(node, 'UpdateStmt')) yield* judgeUpdate(subject, each)
  },
})

function returned(statement: DeleteStmt): readonly Node[] {
  return statement.returningClause?.exprs ?? []
}

function* judgeDelete(subject: StatementSubject, change: DeleteStmt): Iterable<Verdict> {
  const table = usedTable(subject, change.relation)
  const reach = reachOf(change.relation, change.usingClause, change.whereClause)
  if (table === undefined || reach === undefined) return
  yield {
    kind: 'finding',
    at: placeOfStatement(subject),
    evidence: [{ kind: 'source', text: subject.statement.text }],
    message: `DELETE ${reach} destroys every row of ${quoteTextName(table)}`,
    next: acknowledge(
      subject,
      'no-unfiltered-change',
      `Write the condition that is meant. If every row is, keep what may be asked for again: ${dumpCommand([printedName(table)])}.`,
    ),
    identity: `DELETE ${table}`,
  }
}

function* judgeUpdate(subject: StatementSubject, change: UpdateStmt): Iterable<Verdict> {
  const table = usedTable(subject, change.relation)
  const reach = reachOf(change.relation, change.fromClause, change.whereClause)
  if (table === undefined || reach === undefined) return
  const before = (subject.within?.statement ?? subject.statement).index
  const columns = (change.targetList ?? []).flatMap((each) => {
    const { name, val } = nodeOf(each, 'ResTarget') ?? {}
    return name === undefined || isOwnValue(name, val, change.relation) ? [] : [name]
  })
  const old = columns.filter((name) => !isNewObject(subject.migration, 'column', `${table}.${name}`, before))
  if (old.length === 0) return
  yield {
    kind: 'finding',
    severity: 'warning',
    at: placeOfStatement(subject),
    evidence: [{ kind: 'source', text: subject.statement.text }],
    message: `UPDATE ${reach} overwrites ${[...new Set(old)].map(quoteIdentifier).join(', ')} in every row of ${quoteTextName(table)}`,
    next: acknowledge(
      subject,
      'no-unfiltered-change',
      'Write the condition that is meant. If every row is, keep the values before, in another column or by ' +
        `${dumpCommand([printedName(table)])}.`,
    ),
    identity: `UPDATE ${table}`,
  }
}

/** Whether a column's new value is made of its old one: lower(email), price * 100. */
function isOwnValue(column: string, value: Node | undefined, relation: RangeVar | undefined): boolean {
  return findNodes(value, 'ColumnRef').some((reference) => {
    const [name, table] = partsOf(reference).toReversed()
    return name === column && (table === undefined || table === aliasOf(relation))
  })
}

function partsOf(reference: ColumnRef): string[] {
  return namesOf({ List: { items: reference.fields ?? [] } })
}

function aliasOf(relation: RangeVar | undefined): string | undefined {
  return relation?.alias?.aliasname ?? relation?.relname
}

/** The name of a table that others use; undefined for one that is new or temporary. */
function usedTable(subject: StatementSubject, relation: RangeVar | undefined): string | undefined {
  if (relation?.relname === undefined) return undefined
  const table = resolveName(subject.migration.history.before(subject), relation.schemaname, relation.relname)
  return isUnused(subject, table) ? undefined : table
}

/** Why the change reaches every row, in words; undefined when it does not, or when the text does not show it. */
function reachOf(
  relation: RangeVar | undefined,
  others: readonly Node[] | undefined,
  where: Node | undefined,
): string | undefined {
  if (where === undefined) return 'without WHERE'
  if (isAlwaysTrue(where)) return 'with a WHERE that is always true'
  if (others === undefined || others.length === 0) return undefined
  const named = findNodes(where, 'ColumnRef').map(partsOf)
  const own = aliasOf(relation)
  // A name without its table may be of either.
  const isTied = named.length === 0 || named.some((parts) => parts.length < 2 || parts.at(-2) === own)
  return isTied ? undefined : 'with a WHERE that does not tie it to the other table'
}

function isAlwaysTrue(node: Node): boolean {
  const constant = nodeOf(node, 'A_Const')
  if (constant) return constant.boolval?.boolval === true
  const conjunction = nodeOf(node, 'BoolExpr')
  if (conjunction?.boolop === 'AND_EXPR') return (conjunction.args ?? []).every(isAlwaysTrue)
  if (conjunction?.boolop === 'OR_EXPR') return (conjunction.args ?? []).some(isAlwaysTrue)
  const comparison = nodeOf(node, 'A_Expr')
  if (comparison?.kind !== 'AEXPR_OP' || namesOf({ List: { items: comparison.name ?? [] } })[0] !== '=') return false
  const left = constantText(comparison.lexpr)
  return left !== undefined && left === constantText(comparison.rexpr)
}

function constantText(node: Node | undefined): string | undefined {
  const constant = nodeOf(node, 'A_Const')
  if (constant === undefined || constant.isnull) return undefined
  const { location: _, ...value } = constant
  return JSON.stringify(value)
}
