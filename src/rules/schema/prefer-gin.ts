import type { Evidence } from '../../findings/evidence.ts'
import { quoteIdentifier, quoteTextName, textNameOf, unquoted } from '../../sql/identifier.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import type { Site, TextIndex } from '../../sql/schema-text.ts'
import { lastObserved, schemaEvidence } from '../observed.ts'
import { placeOfSite, placeOfStatement } from '../place.ts'
import type { Place } from '../rule.ts'
import { defineRule } from '../rule.ts'
import type { HistorySubject } from '../subject.ts'
import { partsOfTables } from './parts-of-table.ts'

export default defineRule({
  id: 'prefer-gin',
  since: '0.1.0',
  severity: 'warning',
  category: 'schema',
  subject: 'history',
  about: 'state',
  needs: ['trace', 'source'],
  summary: 'A B-tree index on a jsonb, array or tsvector column, which looks inside none of them',
  why:
    'A B-tree compares whole values. It serves data = \'{"a": 1}\' and ORDER BY data, and nothing else: ' +
      'not @>, ?, && ' +
    'or @@, which are what these types are for. It costs its share of every write all the same, and an INSERT fails ' +
    'when a value is larger than about 2,700 bytes after compression.',
  instead:
    'For jsonb, GIN with jsonb_path_ops when queries use @> or jsonpath (smaller and faster), with ' +
      'jsonb_ops when they ' +
    "also use ?, ?| or ?&. When queries compare one key, a B-tree on the expression: ((data ->> 'key')). For arrays, " +
    'GIN (array_ops): @>, && and <@. For tsvector, GIN: @@. GIN is dearer to write than a B-tree and cannot sort. A ' +
    'B-tree is right where whole values are compared or sorted, such as a tree’s path kept as an array; ' +
      'then say so in ' +
    'an ignore comment. Unique indexes, which compare whole values by nature, are not reported.',
  examples: [
    {
      title: 'jsonb',
      bad: 'CREATE TABLE events (id bigint, data jsonb);\nCREATE INDEX events_data_idx ON events (data);',
      at: 'CREATE INDEX events_data_idx ON events (data)',
      good: 'CREATE TABLE events (id bigint, data jsonb);\nCREATE INDEX events_data_idx ON events USING gin ' +
        '(data jsonb_path_ops);',
    },
    {
      title: 'One key of a jsonb column is an expression, and a B-tree is right for it',
      bad: 'CREATE TABLE events (id bigint, kind text, data jsonb);\nCREATE INDEX events_kind_idx ON events ' +
        '(kind, data);',
      at: 'CREATE INDEX events_kind_idx ON events (kind, data)',
      good: "CREATE TABLE events (id bigint, kind text, data jsonb);\nCREATE INDEX events_kind_idx ON events " +
        "(kind, (data ->> 'source'));",
    },
    {
      title: 'An array',
      bad: 'CREATE TABLE posts (id bigint, tags text[]);\nCREATE INDEX posts_tags_idx ON posts (tags);',
      at: 'CREATE INDEX posts_tags_idx ON posts (tags)',
      good: 'CREATE TABLE posts (id bigint, tags text[]);\nCREATE INDEX posts_tags_idx ON posts USING gin (tags);',
    },
    {
      title: 'A full-text document',
      bad: 'CREATE TABLE posts (id bigint, document tsvector);\nCREATE INDEX posts_document_idx ON posts (document);',
      at: 'CREATE INDEX posts_document_idx ON posts (document)',
      good: 'CREATE TABLE posts (id bigint, document tsvector);\nCREATE INDEX posts_document_idx ON posts ' +
        'USING gin (document);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/datatype-json.html#JSON-INDEXING',
    'https://www.postgresql.org/docs/17/gin.html#GIN-BUILTIN-OPCLASSES',
    'https://www.postgresql.org/docs/17/textsearch-indexes.html',
    'https://www.postgresql.org/docs/17/btree.html#BTREE-BEHAVIOR',
  ],
  options: {},
  claims: [
    {
      says: 'A B-tree on jsonb does not serve @>: the table is read even when sequential scans are priced out.',
      setup:
        "CREATE TABLE t (id int, data jsonb); INSERT INTO t SELECT g, jsonb_build_object('a', g) FROM " +
          "generate_series(1, 1000) g; " +
        'CREATE INDEX ON t (data); ANALYZE t; SET enable_seqscan = off;',
      statement: 'SELECT min(id) FROM t WHERE data @> \'{"a": 7}\'',
      scans: ['public.t'],
    },
    {
      says: 'GIN does.',
      setup:
        "CREATE TABLE t (id int, data jsonb); INSERT INTO t SELECT g, jsonb_build_object('a', g) FROM " +
          "generate_series(1, 1000) g; " +
        'CREATE INDEX ON t USING gin (data jsonb_path_ops); ANALYZE t; SET enable_seqscan = off;',
      statement: 'SELECT min(id) FROM t WHERE data @> \'{"a": 7}\'',
      scans: [],
    },
    {
      says: 'jsonb_path_ops does not serve ?.',
      setup:
        "CREATE TABLE t (id int, data jsonb); INSERT INTO t SELECT g, jsonb_build_object('a', g) FROM " +
          "generate_series(1, 1000) g; " +
        'CREATE INDEX ON t USING gin (data jsonb_path_ops); ANALYZE t; SET enable_seqscan = off;',
      statement: "SELECT min(id) FROM t WHERE data ? 'a'",
      scans: ['public.t'],
    },
    {
      says: 'A B-tree on an array does not serve &&.',
      setup:
        'CREATE TABLE t (id int, tags text[]); INSERT INTO t SELECT g, ARRAY[g::text] FROM ' +
          'generate_series(1, 1000) g; ' +
        'CREATE INDEX ON t (tags); ANALYZE t; SET enable_seqscan = off;',
      statement: "SELECT min(id) FROM t WHERE tags && ARRAY['7']",
      scans: ['public.t'],
    },
    {
      says: 'GIN serves it.',
      setup:
        'CREATE TABLE t (id int, tags text[]); INSERT INTO t SELECT g, ARRAY[g::text] FROM ' +
          'generate_series(1, 1000) g; ' +
        'CREATE INDEX ON t USING gin (tags); ANALYZE t; SET enable_seqscan = off;',
      statement: "SELECT min(id) FROM t WHERE tags && ARRAY['7']",
      scans: [],
    },
    {
      says: 'An INSERT of a large value fails on a B-tree.',
      setup: 'CREATE TABLE t (data jsonb); CREATE INDEX ON t (data);',
      statement: 'INSERT INTO t SELECT jsonb_agg(md5(g::text)) FROM generate_series(1, 500) g',
      fails: '54000',
    },
    {
      says: 'A B-tree on json cannot be made at all.',
      setup: 'CREATE TABLE t (data json);',
      statement: 'CREATE INDEX ON t (data)',
      fails: '42704',
    },
  ],
  *check(history, { major }) {
    const typeOf = columnTypes(history)
    for (const index of candidates(history)) {
      for (const column of index.columns) {
        if (column === null) continue
        const type = typeOf(index.table, column)
        if (type === undefined) {
          yield { kind: 'unknown', needs: `the type of ${index.table}.${column}` }
          continue
        }
        const family = familyOf(type)
        if (family === undefined) continue
        const evidence: Evidence[] = []
        if (index.site)
          evidence.push({ kind: 'source', text: index.site.fileText.slice(index.site.span.start, index.site.span.end) })
        if (history.catalog) evidence.push(schemaEvidence(major, { [`${index.table}.${column}`]: type }))
        const [first, ...rest] = evidence
        if (first === undefined) continue
        yield {
          kind: 'finding',
          message:
            `${index.name} is a B-tree on ${index.table}.${column} (${type}): it compares whole values ` +
              `and serves none ` +
            `of ${family.operators}`,
          at: index.place(),
          evidence: [first, ...rest],
          next: family.advice(quoteTextName(index.table), quoteIdentifier(column)),
          identity: `${index.name} (${column})`,
        }
      }
    }
  },
})

interface Candidate {
  name: string
  /** Names of a `SchemaText`. */
  table: string
  columns: readonly (string | null)[]
  site?: Site
  place: () => Place
}

/**
 * The B-tree indexes at the end of the history that are neither unique nor a constraint's; those of a partition are its
 * parent's.
 */
function candidates(history: HistorySubject): Candidate[] {
  const { catalog, complete } = history
  return [...partsOfTables(history)].flatMap(([table, { partitionOf, seenIndexes, indexes }]) => {
    const written = indexes.filter((index) => index.method === 'btree' && !index.unique)
    const found: Candidate[] = []
    const seen = new Set<TextIndex>()
    for (const index of seenIndexes) {
      if (index.method !== 'btree' || index.unique || index.primary) continue
      const name = unqualified(textNameOf(index.name))
      const columns = index.columns.map((column) => column && unquoted(column))
      const text =
        written.find((each) => each.name === name) ??
        written.find((each) => each.name === undefined && sameColumns(each.columns, columns))
      if (text) seen.add(text)
      else if (partitionOf !== undefined) continue
      const place = () => (text ? placeOfSite(text.site) : placeSeen(history, index.name))
      found.push({ name, table, columns, ...(text && { site: text.site }), place })
    }
    if (catalog !== undefined && complete) return found
    for (const index of written) {
      if (seen.has(index)) continue
      const { columns, site } = index
      const name = index.name ?? `an index on ${table}`
      found.push({ name, table, columns, site, place: () => placeOfSite(site) })
    }
    return found
  })
}

function sameColumns(a: readonly (string | null)[], b: readonly (string | null)[]): boolean {
  return a.length === b.length && a.every((column, position) => column === b[position])
}

function placeSeen(history: HistorySubject, name: string): Place {
  const maker = lastObserved(history, ({ created }) =>
    created.some((object) => object.objectType === 'index' && object.name === name),
  )
  return maker ? placeOfStatement(maker) : { kind: 'object', name, objectType: 'index' }
}

/** A column's type: from the catalog where there is one, else as the text declares it. */
function columnTypes(history: HistorySubject): (table: string, column: string) => string | undefined {
  const types = new Map<string, string>()
  for (const table of history.schema.tables) {
    for (const column of table.columns) types.set(`${table.name}\0${column.name}`, column.type)
  }
  for (const relation of history.catalog?.relations ?? []) {
    for (const column of relation.columns)
      types.set(`${textNameOf(relation.name)}\0${unquoted(column.name)}`, column.type)
  }
  return (table, column) => types.get(`${table}\0${column}`)
}

interface Family {
  operators: string
  advice(table: string, column: string): string
}

function familyOf(type: string): Family | undefined {
  if (type === 'jsonb') {
    return {
      operators: '@>, ?, ?|, ?& and jsonpath',
      advice: (table, column) =>
        `For @> and jsonpath: CREATE INDEX CONCURRENTLY ON ${table} USING gin (${column} jsonb_path_ops);\n` +
        `when ?, ?| or ?& are used too: CREATE INDEX CONCURRENTLY ON ${table} USING gin (${column});\n` +
        `for one key: CREATE INDEX CONCURRENTLY ON ${table} ((${column} ->> 'KEY'));`,
    }
  }
  if (type === 'tsvector') {
    return {
      operators: '@@',
      advice: (table, column) => `CREATE INDEX CONCURRENTLY ON ${table} USING gin (${column});`,
    }
  }
  if (type.endsWith('[]')) {
    return {
      operators: '@>, <@ and &&',
      advice: (table, column) => `CREATE INDEX CONCURRENTLY ON ${table} USING gin (${column});`,
    }
  }
  return undefined
}
