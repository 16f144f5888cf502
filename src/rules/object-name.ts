import { quoteIdentifier, quoteTextName } from '../sql/identifier.ts'
import { schemaOfTextName, unqualified } from '../sql/schema-draft.ts'

/** A relation of a `SchemaText` as PostgreSQL prints it with its schema: `orders` gives `public.orders`. */
export function printedName(table: string): string {
  return table.includes('.') ? quoteTextName(table) : `public.${quoteIdentifier(table)}`
}

/** An index or constraint's bare name as PostgreSQL prints it, in the schema of its table. */
export function printedBeside(table: string, name: string): string {
  return `${quoteIdentifier(schemaOfTextName(table))}.${quoteIdentifier(name)}`
}

/** Columns of one table: `public.orders.customer_id`, of several `public.orders (customer_id, tenant_id)`, in order. */
export function printedColumns(table: string, columns: readonly string[]): string {
  const [only] = columns
  if (columns.length === 1 && only !== undefined) return `${printedName(table)}.${quoteIdentifier(only)}`
  return `${printedName(table)} (${[...columns].sort().map(quoteIdentifier).join(', ')})`
}

/** The same of names that PostgreSQL printed. */
export function joinedColumns(table: string, columns: readonly string[]): string {
  return columns.length === 1 ? `${table}.${columns[0]}` : `${table} (${[...columns].sort().join(', ')})`
}

/** A name of its own beside a table: `idx` beside `app.orders` is `app.idx`, as SQL needs it. */
export function nameBeside(table: string, name: string): string {
  return quoteTextName(
    table.includes('.') ? `${table.slice(0, table.length - unqualified(table).length)}${name}` : name,
  )
}
