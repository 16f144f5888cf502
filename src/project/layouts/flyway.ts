import { joinPath } from '../folder.ts'
import type { Folder } from '../folder.ts'
import type { MigrationFile, MigrationFolder, Section, UnreadableFile } from '../migration-file.ts'
import { compareFlywayVersions, readFlywayName } from './flyway-name.ts'
import type { FlywayName } from './flyway-name.ts'
import { barePlaceholder, flywayMode } from './flyway-script.ts'
import { findFlywaySettings, readScriptSettings } from './flyway-settings.ts'
import type { FlywaySettings } from './flyway-settings.ts'
import { migrationOf, readInto, refusedFile, wholeFile } from './layout.ts'
import type { Layout } from './layout.ts'

/**
 * Flyway: `V<version>__<name>.sql`, with `U<version>__<name>.sql` for the way back, then `R__<name>.sql`, which is run
 * again whenever it changes; the folders below are read too. Versions are numbers with dots; those that are repeated
 * come last, by their names. Statements are sent one by one, in one transaction for each file, or in none where Flyway
 * knows a statement as one that cannot be in a transaction, or is told so.
 *
 * A baseline, `B<version>__<name>.sql`, makes in one go what the versions up to its own make, for databases that are
 * new. Those that are there run the versions, so these are read, and the baseline only where there are none.
 */
export const flyway: Layout = {
  name: 'flyway',
  mark: (folder) => folder.files.find((name) => /^(?:[VUB]\d+(?:[._]\d+)*|R)__.+\.sql$/.test(name)),
  read: readFolder,
}

interface Entry extends FlywayName {
  /** Relative to the folder. */
  path: string
}

function readFolder(folder: Folder): MigrationFolder {
  const unreadable: UnreadableFile[] = []
  const code: MigrationFolder['code'] = []
  const entries: Entry[] = []
  for (const path of filesBelow(folder)) {
    const file = path.slice(path.lastIndexOf('/') + 1)
    const name = readFlywayName(file)
    if (name !== undefined) {
      if (file.endsWith('.sql')) entries.push({ ...name, path })
      else code.push({ path: joinPath(folder.path, path), version: name.version })
    } else if (/^(?:[VUB]\d|R_|\d).*\.sql$/i.test(file)) {
      const message = 'The file is not named V<version>__<name>.sql or R__<name>.sql, so Flyway passes over it'
      unreadable.push(refusedFile(folder, path, 'unrecognised-name', message))
    }
  }
  code.push(...classesBeside(folder))

  const settings = findFlywaySettings(folder)
  const undos = entries.filter(({ kind }) => kind === 'undo')
  const used = new Set<Entry>()
  const migrations: MigrationFile[] = []
  for (const entry of inRunningOrder(entries)) {
    const up = readSection(folder, entry.path, settings, unreadable)
    if (up === undefined) continue
    const undo = entry.kind === 'versioned' ? undoOf(entry, undos) : undefined
    if (undo !== undefined) used.add(undo)
    const down = undo && readSection(folder, undo.path, settings, unreadable)
    const { version, name } = entry
    migrations.push(migrationOf('flyway', up.file, { version, name, up: up.section, down: down?.section }))
  }
  for (const undo of undos) {
    if (used.has(undo) || entries.some((entry) => entry.kind === 'versioned' && isSameVersion(entry, undo))) continue
    const message = 'The file takes back a version that is not there'
    unreadable.push(refusedFile(folder, undo.path, 'down-without-up', message))
  }
  return { layout: 'flyway', path: folder.path, migrations, unreadable, code }
}

/** The paths of the folder's files and of those below it, relative to it. */
function filesBelow(folder: Folder): string[] {
  const below = folder.folders.flatMap((name) => {
    const inner = name.startsWith('.') ? undefined : folder.open(name)
    return inner === undefined ? [] : filesBelow(inner).map((path) => `${name}/${path}`)
  })
  return [...folder.files, ...below]
}

/** Migrations in Java or Kotlin, which Maven and Gradle keep beside the resources, in a folder of the same path. */
function classesBeside(folder: Folder): MigrationFolder['code'] {
  const [, below] = /(?:^|\/)resources\/(.+)$/.exec(folder.path) ?? []
  if (below === undefined) return []
  const up = below
    .split('/')
    .map(() => '..')
    .join('/')
  return ['java', 'kotlin'].flatMap((language) => {
    const other = folder.open(`${up}/../${language}/${below}`)
    return (other?.files ?? []).flatMap((file) => {
      const name = /\.(?:java|kt)$/.test(file) ? readFlywayName(file) : undefined
      return name === undefined || other === undefined
        ? []
        : [{ path: joinPath(other.path, file), version: name.version }]
    })
  })
}

function inRunningOrder(entries: readonly Entry[]): Entry[] {
  const byVersion = (a: Entry, b: Entry) => compareFlywayVersions(a.version, b.version) || (a.path < b.path ? -1 : 1)
  const versioned = entries.filter(({ kind }) => kind === 'versioned').toSorted(byVersion)
  const baseline = entries
    .filter(({ kind }) => kind === 'baseline')
    .toSorted(byVersion)
    .at(-1)
  const repeatable = entries
    .filter(({ kind }) => kind === 'repeatable')
    .toSorted((a, b) => (a.description === b.description ? 0 : a.description < b.description ? -1 : 1))
  const [first] = versioned
  const isFirst = baseline && (first === undefined || compareFlywayVersions(baseline.version, first.version) < 0)
  return [...(baseline !== undefined && isFirst ? [baseline] : []), ...versioned, ...repeatable]
}

function isSameVersion(a: Entry, b: Entry): boolean {
  return compareFlywayVersions(a.version, b.version) === 0
}

function undoOf(entry: Entry, undos: readonly Entry[]): Entry | undefined {
  return undos.find((undo) => isSameVersion(undo, entry))
}

function readSection(
  folder: Folder,
  path: string,
  settings: FlywaySettings,
  unreadable: UnreadableFile[],
): { file: Parameters<typeof wholeFile>[0]; section: Section } | undefined {
  const file = readInto(unreadable, folder, path)
  if (file === undefined) return undefined
  const own = { ...settings, ...readScriptSettings(folder, `${path}.conf`) }
  const placeholder = own.placeholderReplacement ? barePlaceholder(file.text) : undefined
  if (placeholder !== undefined) {
    const { text, line } = placeholder
    const message = `Line ${line} has the placeholder ${text}: what Flyway puts there is not in the file, so kei does not read it`
    unreadable.push({ path: file.path, code: 'placeholder', message, line })
    return undefined
  }
  return { file, section: wholeFile(file, flywayMode(file.text, own)) }
}
