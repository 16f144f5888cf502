import type { FileReading } from '../project/files.ts'
import type { ListedFile } from '../project/listing.ts'
import type { Staged } from '../project/staged.ts'
import type { EnvironmentSubject, Surrounding, TextSubject } from '../rules/subject.ts'
import { readEnvironmentHistory } from '../sources/environment-history.ts'
import { mayHoldPassword, namesPassword, readPasswordFile } from '../sources/secret-files.ts'
import { isEnvironmentFile } from '../sql/passwords/environment-file.ts'

/**
 * Reads the files in which passwords of connections stand, and those that commits brought. Migrations are left out:
 * `known` are the texts that were read already, by path.
 */
export async function readPasswordFiles(
  root: string,
  start: string,
  listed: readonly ListedFile[],
  known: ReadonlyMap<string, string>,
  staged: Staged | undefined,
): Promise<Surrounding[]> {
  // What is staged has no history yet.
  const history = staged === undefined ? readEnvironmentHistory(root, start) : { committed: [] }
  const texts: TextSubject[] = []
  for (const { path, tracked } of listed) {
    if (known.has(path) || !mayHoldPassword(path)) continue
    const reading = staged?.reading(path)
    const text = reading === undefined ? readPasswordFile(root, path) : textOf(path, reading)
    if (text !== undefined) texts.push({ file: path, text, ...(tracked !== undefined && { tracked }) })
  }
  const environment: EnvironmentSubject = {
    files: texts.filter(({ file }) => isEnvironmentFile(file)),
    ...(await history),
  }
  const { files, committed, needs } = environment
  const isEmpty = files.length + committed.length === 0 && needs === undefined
  return [
    ...texts.map((subject) => ({ kind: 'text' as const, subject })),
    ...(isEmpty ? [] : [{ kind: 'environment' as const, subject: environment }]),
  ]
}

/** What is staged where the disk has something else. */
function textOf(path: string, reading: FileReading): string | undefined {
  return reading.kind === 'text' && namesPassword(path, reading.file.text) ? reading.file.text : undefined
}
