import { unqualified } from '../../sql/schema-draft.ts'
import type { SchemaText, Site } from '../../sql/schema-text.ts'

/** A statement whose effect the text does not show and that speaks of the table. */
export function hiddenMention(schema: SchemaText, table: string): Site | undefined {
  const name = unqualified(table)
  return schema.opaque.find(({ fileText, span }) => fileText.slice(span.start, span.end).includes(name))
}
