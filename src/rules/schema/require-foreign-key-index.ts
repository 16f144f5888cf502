import type { CatalogIndex } from '../../findings/catalog.ts'
import type { Evidence } from '../../findings/evidence.ts'
import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName, textNameOf, unquoted } from '../../sql/identifier.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import type { TextIndex } from '../../sql/schema-text.ts'
import { bytesText, countText } from '../health/amounts.ts'
import { isNewTable } from '../new-tables.ts'
import { fileWords, showFiles } from '../next-step.ts'
import { nameBeside, printedColumns, printedName } from '../object-name.ts'
import { schemaEvidence } from '../observed.ts'
import { defineRule } from '../rule.ts'
import { statementOfSite } from '../site-statement.ts'
import type { HistorySubject } from '../subject.ts'
import type { SchemaForeignKey } from './foreign-keys.ts'
import { foreignKeysOf, placeOfForeignKey } from './foreign-keys.ts'
import { hiddenMention } from './hidden-statement.ts'
import { partsOfTables } from './parts-of-table.ts'
import type { SchemaState } from './schema-state.ts'
import { stateOf } from './schema-state.ts'

export default defineRule({
  id: 'require-foreign-key-index',
  since: '0.1.0',
  severity: 'error',
  category: 'schema',
  subject: 'history',
  about: 'state',
  needs: ['trace', 'source'],
  summary: 'A foreign key whose columns no index starts with',
  why:
    'PostgreSQL indexes the referenced side of a foreign key (it must be unique) but never the referencing side. ' +
    'Each row that is deleted from the referenced table, or whose key changes, makes the server look for rows that ' +
    'still point at it. Without an index that is a read of the whole referencing table, once for every row deleted, ' +
    'while row locks are held. Joins from the referenced side pay the same price.',
  instead:
    'Create an index that has the foreign key’s columns as its first columns, in any order. A primary key or unique ' +
    'constraint that starts with them does, and so does a partial index that only leaves out NULLs ' +
    '(WHERE customer_id IS NOT NULL). Any other partial index, an INVALID one, and GIN or BRIN do not help the ' +
    'server’s own check. Where rows of the referenced table are never deleted and their keys never change, say so in ' +
    'an ignore comment.',
  examples: [
    {
      title: 'A foreign key needs an index of its own',
      bad:
        'CREATE TABLE customers (id bigint PRIMARY KEY);\n' +
        'CREATE TABLE orders (\n  id bigint PRIMARY KEY,\n  customer_id bigint NOT NULL REFERENCES customers\n);',
      at: 'REFERENCES customers',
      good:
        'CREATE TABLE customers (id bigint PRIMARY KEY);\n' +
        'CREATE TABLE orders (\n  id bigint PRIMARY KEY,\n  customer_id bigint NOT NULL REFERENCES customers\n);\n' +
        'CREATE INDEX orders_customer_id_idx ON orders (customer_id);',
    },
    {
      title: 'An index that starts with another column does not help; the order among the key’s own does not matter',
      bad:
        'CREATE TABLE customers (tenant_id int, id int, PRIMARY KEY (tenant_id, id));\n' +
        'CREATE TABLE orders (\n  number int PRIMARY KEY,\n  tenant_id int,\n  customer_id int,\n' +
        '  FOREIGN KEY (tenant_id, customer_id) REFERENCES customers\n);\n' +
        'CREATE INDEX ON orders (number, customer_id, tenant_id);',
      at: 'FOREIGN KEY (tenant_id, customer_id) REFERENCES customers',
      good:
        'CREATE TABLE customers (tenant_id int, id int, PRIMARY KEY (tenant_id, id));\n' +
        'CREATE TABLE orders (\n  number int PRIMARY KEY,\n  tenant_id int,\n  customer_id int,\n' +
        '  FOREIGN KEY (tenant_id, customer_id) REFERENCES customers\n);\n' +
        'CREATE INDEX ON orders (customer_id, tenant_id, number);',
    },
    {
      title: 'A partial index serves when all it leaves out is NULL',
      setup: 'CREATE TABLE customers (id bigint PRIMARY KEY);',
      bad:
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, open boolean);\n' +
        'CREATE INDEX orders_open_idx ON orders (customer_id) WHERE open;',
      at: 'REFERENCES customers',
      good:
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, open boolean);\n' +
        'CREATE INDEX orders_customer_id_idx ON orders (customer_id) WHERE customer_id IS NOT NULL;',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/ddl-constraints.html#DDL-CONSTRAINTS-FK'],
  options: {},
  changes: { objects: ['index public.orders_customer_id_idx', 'index public.orders_tenant_id_customer_id_idx'] },
  claims: [
    {
      says: 'A DELETE on the referenced table reads all of the referencing one when no index starts with the key.',
      setup:
        'CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE o (id int PRIMARY KEY, c_id int REFERENCES c); ' +
        'INSERT INTO c SELECT generate_series(1, 1000); INSERT INTO o SELECT g, g / 2 + 1 FROM ' +
          'generate_series(1, 1900) g; ANALYZE;',
      statement: 'DELETE FROM c WHERE id = 1000',
      scans: ['public.o'],
    },
    {
      says: 'With an index it does not.',
      setup:
        'CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE o (id int PRIMARY KEY, c_id int REFERENCES c); ' +
        'INSERT INTO c SELECT generate_series(1, 1000); INSERT INTO o SELECT g, g / 2 + 1 FROM ' +
          'generate_series(1, 1900) g; ' +
        'CREATE INDEX ON o (c_id); ANALYZE;',
      statement: 'DELETE FROM c WHERE id = 1000',
      scans: [],
    },
    {
      says: 'An index with the columns in another order serves as well.',
      setup:
        'CREATE TABLE c (a int, b int, PRIMARY KEY (a, b)); ' +
        'CREATE TABLE o (id int PRIMARY KEY, a int, b int, FOREIGN KEY (a, b) REFERENCES c); ' +
        'INSERT INTO c SELECT g, g FROM generate_series(1, 1000) g; ' +
        'INSERT INTO o SELECT g, g / 2 + 1, g / 2 + 1 FROM generate_series(1, 1900) g; ' +
        'CREATE INDEX ON o (b, a); ANALYZE;',
      statement: 'DELETE FROM c WHERE a = 1000',
      scans: [],
    },
    {
      says: 'An index that starts with one of several columns spares the full read too, so it is only a note.',
      setup:
        'CREATE TABLE c (a int, b int, PRIMARY KEY (a, b)); ' +
        'CREATE TABLE o (id int PRIMARY KEY, a int, b int, FOREIGN KEY (a, b) REFERENCES c); ' +
        'INSERT INTO c SELECT g, g FROM generate_series(1, 1000) g; ' +
        'INSERT INTO o SELECT g, g / 2 + 1, g / 2 + 1 FROM generate_series(1, 1900) g; ' +
        'CREATE INDEX ON o (b); ANALYZE;',
      statement: 'DELETE FROM c WHERE a = 1000',
      scans: [],
    },
    {
      says: 'So does a partial index WHERE the column IS NOT NULL.',
      setup:
        'CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE o (id int PRIMARY KEY, c_id int REFERENCES c); ' +
        'INSERT INTO c SELECT generate_series(1, 1000); INSERT INTO o SELECT g, g / 2 + 1 FROM ' +
          'generate_series(1, 1900) g; ' +
        'CREATE INDEX ON o (c_id) WHERE c_id IS NOT NULL; ANALYZE;',
      statement: 'DELETE FROM c WHERE id = 1000',
      scans: [],
    },
  ],
  *check(history, { major }) {
    for (const key of foreignKeysOf(history)) {
      if (isCovered(history, key.table, key.columns)) continue
      const hidden = history.complete ? undefined : hiddenMention(history.schema, key.table)
      if (hidden) {
        yield { kind: 'unknown', needs: 'a trace of the statements that the text does not explain' }
        continue
      }
      const evidence: [Evidence, ...Evidence[]] = key.site
        ? [{ kind: 'source', text: key.site.fileText.slice(key.site.span.start, key.site.span.end) }]
        : [schemaEvidence(major, seenWithout(history, key))]
      if (key.site && history.complete) evidence.push(schemaEvidence(major, seenWithout(history, key)))
      yield { ...remarkOf(history, key), at: placeOfForeignKey(history, key), evidence, ...remedy(history, key) }
    }
  },
  *live(database) {
    const state = stateOf(database)
    for (const key of foreignKeysOf(state)) {
      if (isCovered(state, key.table, key.columns)) continue
      const remark = remarkOf(state, key)
      const table = printedName(key.table)
      const { rows, bytes = 0, sequentialScans = 0 } = database.tables.get(table) ?? {}
      yield {
        ...remark,
        ...(bytes < fewBytes && { severity: 'note' as const }),
        at: { kind: 'object', objectType: 'foreign key', name: `${quoteIdentifier(key.name)} on ${table}` },
        evidence: [
          { kind: 'catalog', facts: seenWithout(state, key) },
          {
            kind: 'statistics',
            facts: {
              ...(rows !== undefined && { rows: countText(rows) }),
              size: bytesText(bytes),
              'sequential scans': countText(sequentialScans),
            },
          },
        ],
        next: `In a migration:\n  ${createText(state, key, 'CONCURRENTLY ')}`,
      }
    }
  },
})

/** A table of fewer than 1,000 pages is read in no time. */
const fewBytes = 1000 * 8192

function remarkOf(state: SchemaState, key: SchemaForeignKey) {
  const columns = key.columns.map(quoteIdentifier).join(', ')
  const narrowing = narrowingColumn(state, key)
  return {
    kind: 'finding' as const,
    // Such an index spares the full read; how much it leaves to be read is for the data to say.
    ...(narrowing !== undefined && { severity: 'note' as const }),
    message:
      `${key.table} (${columns}) references ${key.referencedTable} and no index starts with ` +
      `${key.columns.length === 1 ? 'that column' : 'those columns'}: a DELETE on ${key.referencedTable} ` +
      (narrowing === undefined
        ? `reads all of ${key.table}, once for each row`
        : `reads what shares ${quoteIdentifier(narrowing)}, by the index that starts with it`),
    identity: `${key.table} (${[...key.columns].sort().join(', ')})`,
    object: printedColumns(key.table, key.columns),
  }
}

/** Whether an index of the table, or one on each of its partitions, starts with the columns. */
function isCovered(state: SchemaState, table: string, columns: readonly string[]): boolean {
  const parts = partsOfTables(state).get(table)
  if (parts === undefined) return false
  if (parts.seenIndexes.some((index) => covers(index, columns))) return true
  if (!state.complete) {
    const serves = (index: TextIndex) =>
      // Attached or not, what counts then is that every partition has one.
      !(index.only && parts.kind === 'partitioned table') &&
      startsWith(index.method, index.columns, columns) &&
      allows(index.predicate, columns)
    if (parts.indexes.some(serves)) return true
    if (parts.keys.some((key) => startsWith(key.method, key.columns, columns))) return true
  }
  return parts.partitions.length > 0 && parts.partitions.every((partition) => isCovered(state, partition, columns))
}

/** A column of a key of several that an index, in no way partial, begins with. */
function narrowingColumn(state: SchemaState, { table, columns }: SchemaForeignKey): string | undefined {
  const parts = partsOfTables(state).get(table)
  const leading = [
    ...(parts?.seenIndexes ?? [])
      .filter(({ valid, predicate }) => valid && predicate === undefined)
      .map((index) => ({ method: index.method, first: index.columns[0] && unquoted(index.columns[0]) })),
    ...(state.complete ? [] : (parts?.indexes ?? []))
      .filter(({ predicate }) => predicate === undefined)
      .map((index) => ({ method: index.method, first: index.columns[0] })),
    ...(state.complete ? [] : (parts?.keys ?? [])).map((key) => ({ method: key.method, first: key.columns[0] })),
  ]
  if (columns.length === 1) return undefined
  return columns.find((column) =>
    leading.some(({ method, first }) => first === column && (method === 'btree' || method === 'hash')),
  )
}

function covers(index: CatalogIndex, columns: readonly string[]): boolean {
  return (
    index.valid &&
    startsWith(
      index.method,
      index.columns.map((column) => column && unquoted(column)),
      columns,
    ) &&
    (index.predicate === undefined || isNotNullOnly(index.predicate, columns))
  )
}

/** Whether the index's first columns are the foreign key's, in any order; a hash index has one column. */
function startsWith(method: string, indexed: readonly (string | null)[], columns: readonly string[]): boolean {
  if (method !== 'btree' && !(method === 'hash' && columns.length === 1)) return false
  const first = indexed.slice(0, columns.length)
  return first.length === columns.length && columns.every((column) => first.includes(column))
}

function allows(predicate: TextIndex['predicate'], columns: readonly string[]): boolean {
  if (predicate === undefined) return true
  return predicate.onlyNotNull && predicate.notNullColumns.every((column) => columns.includes(column))
}

/** Whether a predicate as PostgreSQL prints it (`((a IS NOT NULL) AND (b IS NOT NULL))`) only leaves out NULLs. */
function isNotNullOnly(predicate: string, columns: readonly string[]): boolean {
  const terms = predicate.replaceAll(/[()]/g, '').split(' AND ')
  return terms.every((term) => term.endsWith(' IS NOT NULL') && columns.includes(unquoted(term.slice(0, -12))))
}

function seenWithout(state: SchemaState, key: SchemaForeignKey): Record<string, string> {
  const indexes = partsOfTables(state).get(key.table)?.seenIndexes ?? []
  return {
    [`foreign key of ${key.table}`]: key.columns.join(', '),
    [`indexes of ${key.table}`]: indexes.map((index) => index.definition).join('; ') || 'none',
  }
}

function createText(state: SchemaState, key: SchemaForeignKey, how: '' | 'CONCURRENTLY '): string {
  const columns = key.columns.map(quoteIdentifier).join(', ')
  return `CREATE INDEX ${how}${quoteIdentifier(freeIndexName(state, key))} ON ${quoteTextName(key.table)} (${columns});`
}

function remedy(history: HistorySubject, key: SchemaForeignKey): { next: string; fixes: Fix[] } {
  const table = quoteTextName(key.table)
  const columns = key.columns.map(quoteIdentifier).join(', ')
  const name = freeIndexName(history, key)
  const site = key.site
  const { migration, statement } = (site && statementOfSite(history.migrations, site)) ?? {}
  if (migration && statement && !migration.released && isNewTable(migration, key.table, statement.index + 1)) {
    const create = createText(history, key, '')
    const semicolon = /^\s*;/.exec(migration.text.slice(statement.end))
    const at = statement.end + (semicolon?.[0].length ?? 0)
    const text = `${semicolon ? '' : ';'}\n${create}`
    const edit = { file: migration.file, start: at, end: at, text }
    return {
      next: `Add to the same file, where the table is new: ${create}`,
      fixes: [{ title: `Add an index on ${key.table} (${columns})`, safety: 'review', edits: [edit], newFiles: [] }],
    }
  }
  if (partsOfTables(history).get(key.table)?.kind === 'partitioned table') {
    const next = [
      'Index the parent alone, each partition concurrently, and attach them:',
      `CREATE INDEX ${quoteIdentifier(name)} ON ONLY ${table} (${columns});`,
      `CREATE INDEX CONCURRENTLY PARTITION_INDEX ON PARTITION (${columns});`,
      `ALTER INDEX ${quoteIdentifier(name)} ATTACH PARTITION PARTITION_INDEX;`,
    ].join('\n')
    return { next, fixes: [] }
  }
  const newFiles = history.newMigration({
    name: fileWords(`create_${name}`),
    up: createText(history, key, 'CONCURRENTLY '),
    down: `DROP INDEX CONCURRENTLY ${nameBeside(key.table, name)};`,
    outsideTransaction: true,
  })
  return {
    next: `Add a migration:\n${showFiles(newFiles)}`,
    fixes: [{ title: `Index ${key.table} (${columns}) in a new migration`, safety: 'review', edits: [], newFiles }],
  }
}

/** `table_columns_idx` as PostgreSQL would name it, within 63 bytes, with a number when the name is taken. */
function freeIndexName(state: SchemaState, key: SchemaForeignKey): string {
  const parts = partsOfTables(state).get(key.table)
  const taken = new Set([
    ...(parts?.indexes ?? []).map((index) => index.name),
    ...(parts?.seenIndexes ?? []).map((index) => unqualified(textNameOf(index.name))),
  ])
  const stem = Buffer.from(`${unqualified(key.table)}_${key.columns.join('_')}`)
    .subarray(0, 57)
    .toString()
    .replace(/\uFFFD$/, '')
  for (let number = 0; ; number++) {
    const name = `${stem}_idx${number === 0 ? '' : number}`
    if (!taken.has(name)) return name
  }
}
