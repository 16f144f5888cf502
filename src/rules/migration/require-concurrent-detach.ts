import { quoteIdentifier } from '../../sql/identifier.ts'
import { resolveName, unqualified } from '../../sql/schema-draft.ts'
import type { SchemaDraft } from '../../sql/schema-draft.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { isUnused } from '../drops.ts'
import { effectOn, heldFacts } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import { fileWords } from '../next-step.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { nameInSql } from '../search-path.ts'
import { concurrentRemedy } from './concurrent-remedy.ts'
import { creationOf, defaultPartitionOf, keyColumnsOf, writtenBound } from './partitions.ts'

export default defineRule({
  id: 'require-concurrent-detach',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'DETACH PARTITION without CONCURRENTLY from a table that is already in use',
  why:
    'DETACH PARTITION takes ACCESS EXCLUSIVE on the partitioned table. It is quick itself, but it waits for every query ' +
    'on any of the partitions to end, and every new read and write of the whole table queues behind it meanwhile.',
  instead:
    'DETACH PARTITION … CONCURRENTLY takes SHARE UPDATE EXCLUSIVE on the partitioned table and ACCESS EXCLUSIVE on the ' +
    'partition alone. It cannot run in a transaction block, is refused while the table has a DEFAULT partition, and ' +
    'leaves a CHECK on the partition that repeats its bound. When it is cancelled between its two transactions the ' +
    'partition is pending: finish with DETACH PARTITION … FINALIZE. kei’s runner does that by itself.',
  examples: [
    {
      title: 'A partition that has served its time',
      setup:
        'CREATE TABLE events (at timestamptz NOT NULL, kind text) PARTITION BY RANGE (at);\n' +
        "CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');",
      bad: 'ALTER TABLE events DETACH PARTITION events_2024;',
      at: 'ALTER TABLE events DETACH PARTITION events_2024',
      good: 'ALTER TABLE events DETACH PARTITION events_2024 CONCURRENTLY;',
    },
    {
      title: 'In a transaction it is refused, so it moves out',
      setup:
        'CREATE TABLE orders (id bigint, region text) PARTITION BY LIST (region);\n' +
        "CREATE TABLE orders_eu PARTITION OF orders FOR VALUES IN ('eu');",
      bad: 'BEGIN;\nALTER TABLE orders DETACH PARTITION orders_eu;\nCOMMIT;',
      at: 'ALTER TABLE orders DETACH PARTITION orders_eu',
      good:
        'CREATE TABLE drafts (id bigint) PARTITION BY RANGE (id);\n' +
        'CREATE TABLE drafts_1 PARTITION OF drafts FOR VALUES FROM (0) TO (100);\n' +
        'ALTER TABLE drafts DETACH PARTITION drafts_1;',
    },
    {
      title: 'With a DEFAULT partition CONCURRENTLY is refused: there is no better way',
      setup:
        'CREATE TABLE orders (id bigint, region text) PARTITION BY LIST (region);\n' +
        "CREATE TABLE orders_eu PARTITION OF orders FOR VALUES IN ('eu');\n" +
        'CREATE TABLE orders_rest PARTITION OF orders DEFAULT;',
      bad: 'ALTER TABLE orders DETACH PARTITION orders_eu;',
      at: 'ALTER TABLE orders DETACH PARTITION orders_eu',
      good:
        '-- kei: ignore require-concurrent-detach: runs in the nightly window, with lock_timeout\n' +
        'ALTER TABLE orders DETACH PARTITION orders_eu;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DETACH-PARTITION',
    'https://www.postgresql.org/docs/17/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE',
  ],
  options: {},
  changes: {
    objects: [
      'constraint events_2024_at_check on public.events_2024',
      'constraint orders_eu_region_check on public.orders_eu',
    ],
  },
  claims: [
    {
      says: 'DETACH PARTITION holds ACCESS EXCLUSIVE on the partitioned table.',
      setup: 'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (9);',
      statement: 'ALTER TABLE t DETACH PARTITION p',
      locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.p': 'ACCESS EXCLUSIVE' },
    },
    {
      says: 'CONCURRENTLY it holds SHARE UPDATE EXCLUSIVE there.',
      setup: 'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (9);',
      statement: 'ALTER TABLE t DETACH PARTITION p CONCURRENTLY',
      locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
    },
    {
      says: 'CONCURRENTLY is refused in a transaction block.',
      setup: 'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (9);',
      statement: 'BEGIN; ALTER TABLE t DETACH PARTITION p CONCURRENTLY;',
      fails: '25001',
    },
    {
      says: 'CONCURRENTLY is refused while the table has a DEFAULT partition.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (9); ' +
        'CREATE TABLE d PARTITION OF t DEFAULT;',
      statement: 'ALTER TABLE t DETACH PARTITION p CONCURRENTLY',
      fails: '55000',
    },
    {
      says: 'CONCURRENTLY leaves a CHECK on the partition.',
      setup: 'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (9);',
      statement: 'ALTER TABLE t DETACH PARTITION p CONCURRENTLY',
      then: {
        query: "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'p'::regclass",
        rows: [['CHECK (((a IS NOT NULL) AND (a >= 0) AND (a < 9)))']],
      },
    },
  ],
  *check(subject, { major }) {
    const { statement, migration } = subject
    const alter = statementOf(statement, 'AlterTableStmt')
    const command = nodeOf(alter?.cmds?.[0], 'AlterTableCmd')
    const partition = nodeOf(command?.def, 'PartitionCmd')
    if (command?.subtype !== 'AT_DetachPartition' || partition?.concurrent || partition?.name === undefined) return
    const draft = migration.history.before(subject)
    const table = resolveName(draft, alter?.relation?.schemaname, alter?.relation?.relname ?? '')
    const part = resolveName(draft, partition.name.schemaname, partition.name.relname ?? '')
    if (alter?.missing_ok && !draft.tables.has(table) && observationOf(subject) === undefined) {
      yield { kind: 'unknown', needs: 'a trace', file: migration.file }
      return
    }
    const rest = defaultPartitionOf(draft, table)?.name
    if (isUnused(subject, table)) return
    const effect = effectOn(subject, table)
    if (effect && effect.lock?.mode !== 'ACCESS EXCLUSIVE') return
    const printed = effect?.lock?.relation ?? table
    const observation = observationOf(subject)
    const shape =
      rest === undefined ? 'ALTER TABLE … DETACH PARTITION' : 'ALTER TABLE … DETACH PARTITION, with a DEFAULT partition'
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [
        observation
          ? traceEvidence(major, observation, heldFacts(effect))
          : measured(shape, major, { t: printed, p: part, ...(rest !== undefined && { d: rest }) }),
      ],
      message:
        `DETACH PARTITION keeps every read and write of ${printed} waiting (ACCESS EXCLUSIVE) while it waits for the ` +
        `queries that run there${rest === undefined ? '' : `; CONCURRENTLY is refused because of the DEFAULT partition ${rest}`}`,
      ...(rest !== undefined && { severity: 'note' as const }),
      ...(rest === undefined
        ? concurrentRemedy(
            subject,
            [
              {
                text: `${statement.text} CONCURRENTLY;`,
                moved: `ALTER TABLE ${nameInSql(subject, table)} DETACH PARTITION ${nameInSql(subject, part)} CONCURRENTLY;`,
                name: fileWords(`detach_${unqualified(part)}`),
                down: attachAgain(subject, draft, table, part),
              },
            ],
            {
              note:
                'It leaves a CHECK on the partition, which spares a scan if that is attached again. If it is ' +
                `cancelled: ALTER TABLE ${nameInSql(subject, table)} DETACH PARTITION ${nameInSql(subject, part)} FINALIZE.`,
              safety: 'review',
            },
          )
        : { next: noWay(rest) }),
    }
  },
})

/** The way back of a detachment that left a CHECK; empty where the text does not show the bound. */
function attachAgain(subject: StatementSubject, draft: SchemaDraft, table: string, part: string): string {
  const { history } = subject.migration
  const [parent, partition] = [draft.tables.get(table), draft.tables.get(part)]
  const creation = partition && creationOf(history, partition)
  const node = creation && statementOf(creation, 'CreateStmt')?.partbound
  const bound = creation && node && writtenBound(creation, node)
  const columns = parent && keyColumnsOf(history, parent)
  if (bound === undefined || columns === undefined) return ''
  // As PostgreSQL names the constraint (ChooseConstraintName).
  const named = new Set(columns).size === 1 ? columns.slice(0, 1) : []
  const check = quoteIdentifier([unqualified(part), ...named, 'check'].join('_'))
  const name = nameInSql(subject, part)
  return (
    `ALTER TABLE ${nameInSql(subject, table)} ATTACH PARTITION ${name} ${bound.text};\n` +
    `ALTER TABLE ${name} DROP CONSTRAINT IF EXISTS ${check};`
  )
}

function noWay(rest: string): string {
  return (
    `PostgreSQL detaches CONCURRENTLY only from a table without a DEFAULT partition, and detaching ${rest} first would ` +
    'take the same lock. Do it alone, in a quiet moment, under a short lock_timeout, and try again when that ends it; ' +
    'or say why it may stand with -- kei: ignore require-concurrent-detach: REASON'
  )
}
