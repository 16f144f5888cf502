import { compareVersions } from '../project/layouts/layout.ts'
import { namedObjects } from '../sql/named-objects.ts'
import type { Statement } from '../sql/statement.ts'
import type { Migration } from './migration.ts'
import type { Standing } from './standing.ts'
import { parseMigration } from './steps.ts'

/** Objects of one pair of files that are named before the rest is only counted. */
const mostNamed = 5

/**
 * For each file that is to run after newer ones: which of those name the same objects, one line each. Files with code
 * that may name anything (DO blocks, functions) are said to be unknown.
 */
export async function sharedObjects(late: readonly Migration[], { entries }: Standing): Promise<string[]> {
  const applied = entries.flatMap(({ state, migration }) =>
    migration !== undefined && state !== 'pending' ? [migration] : [],
  )
  const lines: string[] = []
  for (const migration of late) {
    const own = named(await parseMigration(migration.up))
    const newer = applied.filter(({ version }) => compareVersions(version, migration.version) > 0)
    let isSure = !own.code
    const shared: string[] = []
    for (const other of newer) {
      const theirs = named(await parseMigration(other.up))
      isSure &&= !theirs.code
      // What one only mentions, the other must change for it to matter.
      const objects = [...own.all].filter(
        (name) => theirs.all.has(name) && (own.subjects.has(name) || theirs.subjects.has(name)),
      )
      if (objects.length > 0)
        shared.push(`${migration.up.file} and the newer ${other.up.file} both name ${list(objects)}`)
    }
    if (shared.length > 0) lines.push(...shared)
    else if (isSure) lines.push(`${migration.up.file} names no object that a newer, applied file names.`)
    else
      lines.push(
        `${migration.up.file}: whether it touches what newer files do is not known, code in them may name anything.`,
      )
  }
  return lines
}

function named(statements: readonly Statement[]): { subjects: Set<string>; all: Set<string>; code: boolean } {
  const found = statements.map(namedObjects)
  const subjects = new Set(found.flatMap((names) => names.subjects))
  return {
    subjects,
    all: new Set([...subjects, ...found.flatMap(({ mentions }) => mentions)]),
    code: found.some(({ code }) => code.length > 0),
  }
}

function list(objects: readonly string[]): string {
  const shown = objects.slice(0, mostNamed).join(', ')
  return objects.length > mostNamed ? `${shown} and ${objects.length - mostNamed} more` : shown
}
