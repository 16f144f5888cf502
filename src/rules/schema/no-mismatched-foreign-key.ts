import type { Evidence } from '../../findings/evidence.ts'
import { quoteIdentifier } from '../../sql/identifier.ts'
import { joinedColumns, printedColumns } from '../object-name.ts'
import { schemaEvidence } from '../observed.ts'
import { defineRule } from '../rule.ts'
import { typeText } from '../type-fit.ts'
import type { SchemaForeignKey } from './foreign-keys.ts'
import { foreignKeysOf, placeOfForeignKey } from './foreign-keys.ts'
import type { SchemaColumn } from './schema-columns.ts'
import { columnOf } from './schema-columns.ts'
import type { SchemaState } from './schema-state.ts'
import { stateOf } from './schema-state.ts'

export default defineRule({
  id: 'no-mismatched-foreign-key',
  since: '0.1.0',
  severity: 'warning',
  category: 'schema',
  subject: 'history',
  about: 'state',
  needs: ['source', 'trace'],
  summary: 'A foreign key column of another type than the column that it references',
  why:
    'An integer column that references a bigint key works until the key passes 2,147,483,647; from then on no row can ' +
    'reference a new one, and widening the column rewrites its table. Other pairs compare through a cast: a key of char(5) ' +
    'and a text are equal under one rule here and another there, and some pairs lose the index.',
  instead:
    'Give both columns the same type. text and varchar are the same here, and so are a domain and its base. A column that is ' +
    'only wider than the key is a note.',
  examples: [
    {
      title: 'An integer that references a bigint',
      setup: 'CREATE TABLE customers (id bigint PRIMARY KEY);',
      bad:
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id integer REFERENCES customers);\n' +
        'CREATE INDEX orders_customer_id_idx ON orders (customer_id);',
      at: 'REFERENCES customers',
      good:
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers);\n' +
        'CREATE INDEX orders_customer_id_idx ON orders (customer_id);',
    },
    {
      title: 'A text that references a char(n)',
      setup: 'CREATE TABLE countries (code char(2) PRIMARY KEY);',
      bad:
        'CREATE TABLE customers (id bigint PRIMARY KEY, country text);\n' +
        'CREATE INDEX customers_country_idx ON customers (country);\n' +
        'ALTER TABLE customers ADD CONSTRAINT customers_country_fkey FOREIGN KEY (country) REFERENCES countries (code);',
      at: 'CONSTRAINT customers_country_fkey FOREIGN KEY (country) REFERENCES countries (code)',
      good:
        'CREATE TABLE customers (id bigint PRIMARY KEY, country char(2));\n' +
        'CREATE INDEX customers_country_idx ON customers (country);\n' +
        'ALTER TABLE customers ADD CONSTRAINT customers_country_fkey FOREIGN KEY (country) REFERENCES countries (code);',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/ddl-constraints.html#DDL-CONSTRAINTS-FK'],
  options: {},
  claims: [
    {
      says: 'PostgreSQL takes an integer that references a bigint without a word.',
      setup: 'CREATE TABLE c (id bigint PRIMARY KEY);',
      statement: 'CREATE TABLE o (c_id int REFERENCES c)',
    },
    {
      says: 'Then no row can reference a key past the largest integer.',
      setup: 'CREATE TABLE c (id bigint PRIMARY KEY); CREATE TABLE o (c_id int REFERENCES c); INSERT INTO c VALUES (2147483648);',
      statement: 'INSERT INTO o SELECT id FROM c',
      fails: '22003',
    },
  ],
  *check(history, { major }) {
    for (const mismatch of mismatches(history)) {
      const { key, own, other } = mismatch
      const facts = { [`${key.table}.${own.name}`]: own.column.type, [`${key.referencedTable}.${other.name}`]: other.column.type }
      const evidence: [Evidence, ...Evidence[]] = key.site
        ? [{ kind: 'source', text: key.site.fileText.slice(key.site.span.start, key.site.span.end) }]
        : [schemaEvidence(major, facts)]
      if (key.site && own.column.seen) evidence.push(schemaEvidence(major, facts))
      yield { ...remarkOf(mismatch), at: placeOfForeignKey(history, key), evidence, object: objectOf(mismatch) }
    }
  },
  *live(database) {
    for (const mismatch of mismatches(stateOf(database))) {
      const { key, own, other } = mismatch
      const object = objectOf(mismatch)
      const facts = { [object]: own.column.type, [joinedColumns(key.referencedTable, [other.name])]: other.column.type }
      yield {
        ...remarkOf(mismatch),
        at: { kind: 'object', objectType: 'column', name: object },
        evidence: [{ kind: 'catalog', facts }],
        object,
      }
    }
  },
})

interface Mismatch {
  key: SchemaForeignKey
  own: { name: string; column: SchemaColumn }
  other: { name: string; column: SchemaColumn }
}

function* mismatches(state: SchemaState): Generator<Mismatch> {
  for (const key of foreignKeysOf(state)) {
    for (const [position, name] of key.columns.entries()) {
      const referenced = key.referencedColumns[position]
      const column = columnOf(state, key.table, name)
      const other = referenced === undefined ? undefined : columnOf(state, key.referencedTable, referenced)
      if (column === undefined || other === undefined || referenced === undefined) continue
      if (sameType(column.base) === sameType(other.base)) continue
      yield { key, own: { name, column }, other: { name: referenced, column: other } }
      break
    }
  }
}

/** Types that are stored and compared alike have one name here. */
function sameType(type: string): string {
  return type === 'varchar' ? 'text' : type
}

const widths: Readonly<Record<string, { bytes: number; largest: string }>> = {
  int2: { bytes: 2, largest: '32,767' },
  int4: { bytes: 4, largest: '2,147,483,647' },
  int8: { bytes: 8, largest: '9,223,372,036,854,775,807' },
}

function objectOf({ key, own }: Mismatch): string {
  return printedColumns(key.table, [own.name])
}

function remarkOf({ key, own, other }: Mismatch) {
  const type = shown(own.column)
  const wanted = shown(other.column)
  const width = widths[own.column.base]
  const otherWidth = widths[other.column.base]
  const isNarrow = width !== undefined && otherWidth !== undefined && width.bytes < otherWidth.bytes
  const isWide = width !== undefined && otherWidth !== undefined && width.bytes > otherWidth.bytes
  return {
    kind: 'finding' as const,
    ...(isWide && { severity: 'note' as const }),
    message:
      `${key.table}.${quoteIdentifier(own.name)} is ${type} and references ${key.referencedTable}.${quoteIdentifier(other.name)}, which is ${wanted}` +
      (isNarrow ? `: no row can reference a key past ${width.largest}` : ''),
    next: `Make it ${wanted}. On a table with rows that is a second column, filled in batches, and an exchange of the two: \`kei rule no-rewriting-type-change\` has the steps.`,
    identity: `${key.table} (${own.name})`,
  }
}

function shown({ base, text }: SchemaColumn): string {
  return typeText({ type: base, modifiers: base === 'bpchar' ? (text?.modifiers ?? []) : [] })
}
