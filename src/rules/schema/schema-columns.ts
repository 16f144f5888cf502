import { textNameOf, unquoted } from '../../sql/identifier.ts'
import { serialTypes } from '../../sql/serial-types.ts'
import type { CatalogColumn } from '../../findings/catalog.ts'
import type { TextColumn } from '../../sql/schema-text.ts'
import type { SchemaState } from './schema-state.ts'

/** A column at the end of a history, as the catalog, the text or both have it. */
export interface SchemaColumn {
  /** As the text or, where it was traced, `format_type()` has it. */
  type: string
  /** As the parser names it, modifiers left out, a domain replaced by what it is made of. */
  base: string
  notNull: boolean
  text?: TextColumn
  seen?: CatalogColumn
}

const known = new WeakMap<SchemaState, ReadonlyMap<string, SchemaColumn>>()

/** A column by its table and name in a `SchemaText`; undefined where neither text nor trace shows it. */
export function columnOf(state: SchemaState, table: string, column: string): SchemaColumn | undefined {
  let columns = known.get(state)
  if (columns === undefined) known.set(state, (columns = gather(state)))
  return columns.get(`${table}\0${column}`)
}

function gather({ schema, catalog }: SchemaState): ReadonlyMap<string, SchemaColumn> {
  const columns = new Map<string, SchemaColumn>()
  const domains = new Map([...schema.domains].map(([name, { base }]) => [name, base]))
  for (const { objectType, name, definition } of catalog?.objects ?? []) {
    if (objectType !== 'domain') continue
    const base = /^(?:"[^"]*"|[^"(])+?(?=\(| not null| default | CHECK |$)/.exec(definition)?.[0]
    if (base !== undefined) domains.set(textNameOf(name), base)
  }
  for (const table of schema.tables) {
    for (const text of table.columns) {
      const base = baseType(text.type, domains)
      columns.set(`${table.name}\0${text.name}`, { type: text.type, base, notNull: text.notNull === 'yes', text })
    }
  }
  for (const relation of catalog?.relations ?? []) {
    for (const seen of relation.columns) {
      const key = `${textNameOf(relation.name)}\0${unquoted(seen.name)}`
      const text = columns.get(key)?.text
      const base = baseType(seen.type, domains)
      columns.set(key, { type: seen.type, base, notNull: seen.notNull, seen, ...(text && { text }) })
    }
  }
  return columns
}

/** A type as the parser names it, whoever named it: `character varying(20)` gives `varchar`, `bigserial` `int8`. */
export function plainType(type: string): string {
  const array = type.endsWith('[]') ? '[]' : ''
  const element = type
    .replace(/(?:\[\])+$/, '')
    .replace(/\([^)]*\)/, '')
    .trim()
  return `${parserNames[element] ?? serialTypes.get(element) ?? element}${array}`
}

/** By what `format_type()` prints. */
const parserNames: Readonly<Record<string, string>> = {
  smallint: 'int2',
  integer: 'int4',
  bigint: 'int8',
  real: 'float4',
  'double precision': 'float8',
  boolean: 'bool',
  'character varying': 'varchar',
  character: 'bpchar',
  'timestamp with time zone': 'timestamptz',
  'timestamp without time zone': 'timestamp',
  'time with time zone': 'timetz',
  'time without time zone': 'time',
}

function baseType(type: string, domains: ReadonlyMap<string, string>): string {
  let base = plainType(type)
  // A domain of a domain of itself cannot be made, but text can say anything.
  for (let depth = 0; depth < 8; depth++) {
    const under = domains.get(base) ?? domains.get(textNameOf(base))
    if (under === undefined) return base
    base = plainType(under)
  }
  return base
}
