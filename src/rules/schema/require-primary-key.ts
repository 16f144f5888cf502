import type { CatalogRelation } from '../../findings/catalog.ts'
import type { Evidence } from '../../findings/evidence.ts'
import { textNameOf } from '../../sql/identifier.ts'
import type { TextTable } from '../../sql/schema-text.ts'
import { nodeOf } from '../../sql/statement.ts'
import { indexesByTable, indexesOf } from '../index/schema-indexes.ts'
import { printedName } from '../object-name.ts'
import { lastObserved, schemaEvidence } from '../observed.ts'
import { placeOfSite, placeOfStatement } from '../place.ts'
import { statementOfSite } from '../site-statement.ts'
import { defineRule } from '../rule.ts'
import { hiddenMention } from './hidden-statement.ts'
import { columnOf } from './schema-columns.ts'
import type { SchemaState } from './schema-state.ts'
import { stateOf } from './schema-state.ts'

export default defineRule({
  id: 'require-primary-key',
  since: '0.1.0',
  severity: 'warning',
  category: 'schema',
  subject: 'history',
  about: 'state',
  needs: ['source', 'trace'],
  summary: 'A table without a primary key',
  why:
    'Nothing tells two equal rows apart: one cannot be deleted without the other, a row that was inserted twice stays ' +
    'twice, no foreign key can reference it. Logical replication, which major upgrades and change capture rest on, ' +
    'refuses every UPDATE and DELETE of a published table that has neither a primary key nor another replica identity.',
  instead:
    'A primary key: what identifies a row where there is such a thing (both columns of a table that only joins two ' +
    'others), else id bigint GENERATED ALWAYS AS IDENTITY. A table with a unique key of NOT NULL columns is a note. ' +
    'Partitions, which have their parent’s, temporary, unlogged and foreign tables are not reported.',
  examples: [
    {
      title: 'A table that joins two others',
      setup: 'CREATE TABLE posts (id bigint PRIMARY KEY);\nCREATE TABLE tags (id bigint PRIMARY KEY);',
      bad:
        'CREATE TABLE post_tags (\n  post_id bigint NOT NULL REFERENCES posts,\n  tag_id bigint NOT NULL REFERENCES tags\n);\n' +
        'CREATE INDEX ON post_tags (post_id);\nCREATE INDEX ON post_tags (tag_id);',
      at: 'CREATE TABLE post_tags (\n  post_id bigint NOT NULL REFERENCES posts,\n  tag_id bigint NOT NULL REFERENCES tags\n)',
      good:
        'CREATE TABLE post_tags (\n  post_id bigint NOT NULL REFERENCES posts,\n  tag_id bigint NOT NULL REFERENCES tags,\n' +
        '  PRIMARY KEY (post_id, tag_id)\n);\nCREATE INDEX ON post_tags (tag_id);',
    },
    {
      title: 'A key that is added later; a partition has its parent’s',
      bad: 'CREATE TABLE events (at timestamptz NOT NULL, body jsonb);',
      at: 'CREATE TABLE events (at timestamptz NOT NULL, body jsonb)',
      good:
        'CREATE TABLE events (id bigint, at timestamptz, body jsonb) PARTITION BY RANGE (at);\n' +
        "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');\n" +
        'ALTER TABLE events ADD PRIMARY KEY (id, at);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/ddl-constraints.html#DDL-CONSTRAINTS-PRIMARY-KEYS',
    'https://www.postgresql.org/docs/17/logical-replication-publication.html',
  ],
  options: {},
  claims: [
    {
      says: 'A published table without one refuses UPDATE.',
      setup: 'CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE PUBLICATION kei_claim FOR TABLE t;',
      statement: 'UPDATE t SET a = 2',
      fails: '55000',
    },
    {
      says: 'A unique key does not help by itself.',
      setup: 'CREATE TABLE t (a int NOT NULL UNIQUE); INSERT INTO t VALUES (1); CREATE PUBLICATION kei_claim FOR TABLE t;',
      statement: 'UPDATE t SET a = 2',
      fails: '55000',
    },
    {
      says: 'With a primary key it takes it.',
      setup: 'CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE PUBLICATION kei_claim FOR TABLE t;',
      statement: 'UPDATE t SET a = 2',
    },
  ],
  *check(history, { major }) {
    for (const { table, text, seen } of keylessTables(history)) {
      if (!history.complete && hiddenMention(history.schema, table)) {
        yield { kind: 'unknown', needs: 'a trace of the statements that the text does not explain' }
        continue
      }
      const maker = text
        ? undefined
        : lastObserved(history, ({ created }) => created.some(({ name }) => textNameOf(name) === table))
      if (text === undefined && maker === undefined) continue
      const traced = seen && schemaEvidence(major, { [table]: 'no primary key' })
      const evidence: [Evidence, ...Evidence[]] = text
        ? [{ kind: 'source', text: text.site.fileText.slice(text.site.span.start, text.site.span.end) }]
        : [traced ?? { kind: 'source', text: table }]
      if (text && traced) evidence.push(traced)
      yield {
        ...remarkOf(history, table),
        at: text ? placeOfSite(text.site) : placeOfStatement(maker as NonNullable<typeof maker>),
        evidence,
        object: printedName(table),
      }
    }
  },
  *live(database) {
    const state = stateOf(database)
    for (const { table, seen } of keylessTables(state)) {
      if (seen === undefined) continue
      const rows = database.tables.get(seen.name)?.rows
      yield {
        ...remarkOf(state, table),
        at: { kind: 'object', objectType: 'table', name: seen.name },
        evidence: [{ kind: 'catalog', facts: { 'primary key': 'none', ...(rows !== undefined && { rows }) } }],
        object: seen.name,
      }
    }
  },
})

interface KeylessTable {
  table: string
  text?: TextTable
  seen?: CatalogRelation
}

function* keylessTables(state: SchemaState): Generator<KeylessTable> {
  const { schema, catalog, complete } = state
  const keyed = new Set(indexesOf(state).flatMap(({ primary, table }) => (primary ? [table] : [])))
  const unlogged = new Set(
    (catalog?.objects ?? []).flatMap(({ objectType, name }) => (objectType === 'persistence' ? [textNameOf(name)] : [])),
  )
  const written = new Map(schema.tables.map((table) => [table.name, table]))
  const seenTables = new Set<string>()
  for (const seen of catalog?.relations ?? []) {
    const table = textNameOf(seen.name)
    seenTables.add(table)
    const isTable = (seen.kind === 'table' || seen.kind === 'partitioned table') && seen.partitionOf === undefined
    if (!isTable || keyed.has(table) || unlogged.has(table) || isHypertable(state, table)) continue
    const text = written.get(table)
    yield { table, seen, ...(text && { text }) }
  }
  if (catalog !== undefined && complete) return
  for (const text of schema.tables) {
    const { name, kind, partitionOf } = text
    if (seenTables.has(name) || keyed.has(name) || (kind !== 'table' && kind !== 'partitioned table')) continue
    if (partitionOf !== undefined || !isMadeHere(state, text) || isHypertable(state, name)) continue
    yield { table: name, text }
  }
}

/** Whether its site makes it, as one to be kept: a table that the text only alters may well have a key. */
function isMadeHere({ migrations }: SchemaState, { site }: TextTable): boolean {
  const outer = statementOfSite(migrations, site)
  const own = site.inCode ? outer?.inner.find(({ statement }) => statement.start === site.span.start) : outer
  const node = own?.statement.node
  const create = nodeOf(node, 'CreateStmt')
  const made = create?.relation ?? nodeOf(node, 'CreateTableAsStmt')?.into?.rel ?? nodeOf(node, 'SelectStmt')?.intoClause?.rel
  // The indexes of one that the text does not show are copied with it.
  const isCopy = create?.tableElts?.some((element) => nodeOf(element, 'TableLikeClause')) ?? false
  return made !== undefined && made.relpersistence !== 'u' && !isCopy
}

const knownHypertables = new WeakMap<SchemaState, string>()

/** Timescale's, whose unique keys must have the time in them, and which often have none. */
function isHypertable(state: SchemaState, table: string): boolean {
  let calls = knownHypertables.get(state)
  if (calls === undefined) {
    const texts = state.migrations.flatMap(({ text }) => text.match(/create_hypertable\s*\([^)]*\)/gi) ?? [])
    knownHypertables.set(state, (calls = texts.join('\n')))
  }
  return new RegExp(`['".]${table.replaceAll(/[^\w.]/g, '.')}['"]`).test(calls)
}

function remarkOf(state: SchemaState, table: string) {
  const [key] = (indexesByTable(state).get(table) ?? [])
    .filter(
      ({ shape }) =>
        shape.unique &&
        shape.predicate === undefined &&
        shape.keys.every(({ column }) => column !== undefined && columnOf(state, table, column)?.notNull),
    )
    .sort((a, b) => a.shape.keys.length - b.shape.keys.length || (a.label < b.label ? -1 : 1))
  return {
    kind: 'finding' as const,
    ...(key && { severity: 'note' as const }),
    message: key
      ? `${table} has no primary key, though the unique ${key.label} could be one`
      : `${table} has no primary key: equal rows cannot be told apart, and logical replication refuses its UPDATE and DELETE`,
    next: key
      ? 'Make that the primary key (ALTER TABLE … ADD PRIMARY KEY USING INDEX), or for replication alone ALTER TABLE … REPLICA IDENTITY USING INDEX.'
      : 'Make the columns that identify a row its primary key, or add id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY while the table is small: on one with rows that rewrites it.',
    identity: table,
  }
}
