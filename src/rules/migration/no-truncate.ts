import type { Evidence } from '../../findings/evidence.ts'
import { textNameOf } from '../../sql/identifier.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import type { SchemaDraft } from '../../sql/schema-draft.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { acknowledge, dumpCommand } from '../acknowledgement.ts'
import { isUnused } from '../drops.ts'
import { effectOn } from '../effect.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'

export default defineRule({
  id: 'no-truncate',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['TruncateStmt'],
  about: 'change',
  destructive: true,
  needs: ['source', 'trace'],
  summary: 'A table that an earlier migration left is emptied by TRUNCATE',
  why:
    'TRUNCATE destroys every row, fires no row trigger and tells nobody how many there were; a migration that is ' +
    'rolled out to one database too many does it there too. With CASCADE it empties every table that references ' +
    'the one it names as well. Until the transaction ends, ACCESS EXCLUSIVE makes every reader and writer wait.',
  instead:
    'If the rows are truly to go, keep a dump and say why in an ignore comment. If only some are, DELETE those in ' +
    'batches. Where whole spans of time go, a partitioned table lets you detach a partition and keep it for a while.',
  examples: [
    {
      title: 'A table of an earlier migration',
      setup: 'CREATE TABLE carts (id bigint PRIMARY KEY, kept_until date NOT NULL);',
      bad: 'TRUNCATE carts;',
      at: 'TRUNCATE carts',
      good: "DELETE FROM carts WHERE kept_until < DATE '2026-01-01';",
    },
    {
      title: 'CASCADE empties what references it',
      setup:
        'CREATE TABLE carts (id bigint PRIMARY KEY);\nCREATE TABLE cart_items (cart_id bigint REFERENCES carts);\n' +
        'CREATE TABLE cart_item_notes (note text);',
      bad: 'TRUNCATE TABLE carts RESTART IDENTITY CASCADE;',
      at: 'TRUNCATE TABLE carts RESTART IDENTITY CASCADE',
      good:
        'CREATE TABLE draft (id bigint PRIMARY KEY);\nINSERT INTO draft VALUES (1);\nTRUNCATE draft;\n' +
        '-- kei: ignore no-truncate: a cache, filled again by the next request\nTRUNCATE cart_items;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-truncate.html',
    'https://www.postgresql.org/docs/17/mvcc-caveats.html',
  ],
  options: {},
  claims: [
    {
      says: 'TRUNCATE holds ACCESS EXCLUSIVE, which stops readers too.',
      setup: 'CREATE TABLE t (a int); INSERT INTO t VALUES (1);',
      statement: 'TRUNCATE t',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
      then: { query: 'SELECT count(*)::text FROM t', rows: [['0']] },
    },
    {
      says: 'TRUNCATE … CASCADE empties every table that references it, and those that reference these.',
      setup:
        'CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE r (a int PRIMARY KEY REFERENCES t); ' +
        'CREATE TABLE s (a int REFERENCES r); INSERT INTO t VALUES (1); INSERT INTO r VALUES (1); INSERT INTO s VALUES (1);',
      statement: 'TRUNCATE t CASCADE',
      locks: { 'public.r': 'ACCESS EXCLUSIVE', 'public.s': 'ACCESS EXCLUSIVE' },
      then: { query: 'SELECT count(*)::text FROM s', rows: [['0']] },
    },
    {
      says: 'Without CASCADE it is refused while another table references it.',
      setup: 'CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE r (a int REFERENCES t);',
      statement: 'TRUNCATE t',
      fails: '0A000',
    },
  ],
  *check(subject, { major }) {
    const truncate = statementOf(subject.statement, 'TruncateStmt')
    if (truncate === undefined) return
    const draft = subject.migration.history.before(subject)
    const named = (truncate.relations ?? []).flatMap((each) => {
      const relation = nodeOf(each, 'RangeVar')
      return relation?.relname === undefined ? [] : [resolveName(draft, relation.schemaname, relation.relname)]
    })
    const emptied = named.filter((name) => !isUnused(subject, name))
    const along =
      truncate.behavior === 'DROP_CASCADE' ? referencing(draft, named).filter((name) => !isUnused(subject, name)) : []
    const [first] = [...emptied, ...along]
    if (first === undefined) return
    const print = (name: string) => effectOn(subject, name)?.lock?.relation ?? name
    const observation = observationOf(subject)
    const evidence: Evidence = observation
      ? traceEvidence(major, observation)
      : { kind: 'source', text: subject.statement.text }
    const cascaded = [...along.map(print), ...lockedAlong(subject, draft, [...named, ...along])]
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [evidence],
      message:
        emptied.length === 0
          ? `TRUNCATE … CASCADE destroys all rows of ${cascaded.join(', ')}, which it does not name`
          : `TRUNCATE destroys all rows of ${emptied.map(print).join(', ')}` +
            (cascaded.length === 0 ? '' : ` and, by CASCADE, of ${cascaded.join(', ')}`),
      next: acknowledge(
        subject,
        'no-truncate',
        'If only some rows are to go, DELETE those in batches. If all are, keep what may be asked for again: ' +
          `${dumpCommand([...emptied.map(print), ...cascaded])}.`,
      ),
    }
  },
})

/** The tables that reference one of `names`, those that reference these, and so on. */
function referencing(draft: SchemaDraft, names: readonly string[]): string[] {
  const found = new Set(names)
  // A set hands out what is added to it while it is walked.
  for (const name of found) {
    for (const table of draft.tables.values()) {
      if (table.foreignKeys.some((key) => key.referencedTable === name)) found.add(table.name)
    }
  }
  return [...found].filter((name) => !names.includes(name))
}

/** Tables that TRUNCATE … CASCADE was seen to lock like those it names, beside the ones that the text shows. */
function lockedAlong(subject: StatementSubject, draft: SchemaDraft, known: readonly string[]): string[] {
  const isCascade = statementOf(subject.statement, 'TruncateStmt')?.behavior === 'DROP_CASCADE'
  if (!isCascade || subject.within !== undefined) return []
  const tables = subject.migration.history.catalog?.relations ?? []
  return (observationOf(subject)?.locks ?? []).flatMap(({ relation, mode }) => {
    const name = textNameOf(relation)
    const table = tables.find((each) => each.name === relation)
    if (mode !== 'ACCESS EXCLUSIVE' || known.includes(name) || isUnused(subject, name)) return []
    // Partitions are emptied with the table that they are named by.
    if (table?.kind !== 'table' || table.partitionOf !== undefined || draft.tables.get(name)?.partitionOf) return []
    return [relation]
  })
}
