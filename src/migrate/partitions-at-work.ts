import type { Catalog } from '../findings/catalog.ts'
import type { HistoryTrace } from '../trace/history.ts'
import type { UpScript } from './trace-migrations.ts'

/**
 * Partitions that come and go as the application works: those that only the database has, and those that code of the
 * files made (by the date, say), not a statement that names them. By name, with the table that they are of.
 */
export function partitionsAtWork(files: Catalog, live: Catalog, named: ReadonlySet<string>): Map<string, string> {
  const [inFiles, inLive] = [files, live].map(({ relations }) => new Set(relations.map(({ name }) => name)))
  const found = new Map<string, string>()
  for (const { name, partitionOf } of live.relations) {
    if (partitionOf !== undefined && inFiles?.has(name) === false) found.set(name, partitionOf)
  }
  for (const { name, partitionOf } of files.relations) {
    if (partitionOf !== undefined && inLive?.has(name) === false && !named.has(name)) found.set(name, partitionOf)
  }
  return found
}

/** Tables that a CREATE TABLE of the files names. */
export function namedTables(scripts: readonly UpScript[], trace: HistoryTrace): Set<string> {
  const names = new Set<string>()
  scripts.forEach(({ statements }, index) => {
    for (const { tag, index: number } of statements) {
      const seen = trace.files[index]?.statements[number]
      if (tag !== 'CreateStmt' || seen?.status !== 'traced') continue
      for (const { objectType, name } of seen.observation.created) if (objectType === 'table') names.add(name)
    }
  })
  return names
}

/** For the report; none without partitions. */
export function partitionNotice(partitions: ReadonlyMap<string, string>): string[] {
  if (partitions.size === 0) return []
  const tables = [...new Set(partitions.values())].sort().join(', ')
  const count = partitions.size === 1 ? '1 partition' : `${partitions.size} partitions`
  return [`${count} of ${tables} that no CREATE TABLE of the files names left out: partitions come and go.`]
}
