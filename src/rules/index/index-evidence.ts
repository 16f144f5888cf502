import type { Evidence } from '../../findings/evidence.ts'
import { schemaEvidence } from '../observed.ts'
import type { SchemaIndex } from './schema-indexes.ts'

/**
 * How an index of a history is known: its text, and what the trace showed of it.
 * @param facts what the schema that the trace left shows.
 */
export function indexEvidence(
  major: number,
  { site, seen, label }: SchemaIndex,
  facts: Record<string, string>,
): [Evidence, ...Evidence[]] {
  const traced = seen ? [schemaEvidence(major, facts)] : []
  if (site === undefined) return [traced[0] ?? { kind: 'source', text: label }]
  return [{ kind: 'source', text: site.fileText.slice(site.span.start, site.span.end) }, ...traced]
}
