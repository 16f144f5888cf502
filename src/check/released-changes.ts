import { basename, dirname } from 'node:path'
import type { Changes, ReleasedText } from '../project/changes.ts'
import { layoutNamed } from '../project/layouts/layouts.ts'
import type { MigrationFile, MigrationFolder } from '../project/migration-file.ts'
import type { ReleasedChange, ReleasedChanges } from '../rules/subject.ts'
import type { Parser } from '../sql/parse.ts'

/** What git shows of a folder's released migrations: which have another text than when the branch left, or are gone. */
export function releasedChanges(parser: Parser, folder: MigrationFolder, changes: Changes): ReleasedChanges {
  if (changes.state !== 'known') return { state: changes.state }
  const { commit, edited, deleted } = changes
  const byPath = new Map(folder.migrations.map((migration) => [migration.path, migration]))
  const within = folder.path === '.' ? '' : `${folder.path}/`
  return {
    state: 'known',
    changes: [
      ...edited.flatMap((before): ReleasedChange[] => {
        const migration = byPath.get(before.file)
        if (migration === undefined || isRepeatable(migration) || hasUpOf(migration, before)) return []
        const sameStatements = statementsOf(parser, before.text) === statementsOf(parser, migration.text)
        return [{ file: before.file, commit, before: before.text, now: migration.text, sameStatements }]
      }),
      ...deleted.flatMap(({ file, text }): ReleasedChange[] => {
        const isMigration = file.startsWith(within) && /^V?\d/.test(file.slice(within.length)) && !isWayBack(file)
        return isMigration ? [{ file, commit, before: text }] : []
      }),
    ],
  }
}

/** Flyway runs one again whenever its text changes. */
function isRepeatable({ layout, path }: MigrationFile): boolean {
  return layout === 'flyway' && basename(path).startsWith('R__')
}

function isWayBack(file: string): boolean {
  return file.endsWith('.down.sql')
}

/** Whether only the way back of a file with both directions is another. */
function hasUpOf({ layout, path, up, down }: MigrationFile, { text }: ReleasedText): boolean {
  if (down?.file !== path) return false
  const file = { path, text, normalised: { byteOrderMark: false, carriageReturns: false } }
  const { migrations } = layoutNamed(layout).read({
    path: dirname(path),
    files: [basename(path)],
    folders: [],
    read: () => ({ kind: 'text', file }),
    bytes: () => Buffer.from(text),
    has: () => false,
    open: () => undefined,
  })
  return migrations[0]?.up.text === up.text
}

/** The statements of a text, without their places and comments; the text itself where it does not parse. */
function statementsOf(parser: Parser, text: string): string {
  const parsed = parser.parse(text)
  if (parsed.kind === 'syntax-error') return text
  const nodes = parsed.statements.map(({ node }) => node)
  return JSON.stringify(nodes, (key, value: unknown) => (key === 'location' ? undefined : value))
}
