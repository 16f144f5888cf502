import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { failure, usageError } from '../errors.ts'
import { joinPath } from '../project/folder.ts'
import { compareVersions } from '../project/layouts/layout.ts'
import { nextVersion } from '../project/layouts/new-migration.ts'
import { makeFolder, writeWhole } from '../project/write-whole.ts'
import { readMigrations } from './read-migrations.ts'
import type { ReadMigrationsOptions } from './read-migrations.ts'

/** A file to be written. */
export interface NewFile {
  /** Path relative to the repository. */
  file: string
  text: string
}

export interface NewMigrationOptions {
  /** Path of the migration folder, relative to the repository. */
  folder: string
  /** What the migration does, in any words. */
  name: string
  now: Date
  /** The migrations that are there, in any order. */
  existing: readonly { version: string }[]
  /** Why there is no way back: the up file says so, and there is no down file. */
  irreversible?: string
}

/** Bytes of a name, so that what is put before and after it stays within the 255 that file systems take. */
const longestName = 200

/**
 * The files of one more migration, up first. Its version is greater than every one that is there: the time in UTC, 14
 * digits, or one second after the last where the clock is behind that; in a folder that counts with other numbers the
 * next number, with as many digits. The name becomes lower-case words joined by `_`.
 *
 * @throws KeiError `bad-name`, `bad-reason`: exit 2.
 */
export function newMigrationFiles({ folder, name, now, existing, irreversible }: NewMigrationOptions): NewFile[] {
  const stem = `${versionAfter(existing, now)}_${slugOf(name)}`
  const up = { file: joinPath(folder, `${stem}.sql`), text: upText(stem, irreversible) }
  if (irreversible !== undefined) return [up]
  return [up, { file: joinPath(folder, `${stem}.down.sql`), text: downText(stem) }]
}

/**
 * Writes the files of one more migration into the folder that `readMigrations` finds, which is made where there is
 * none, and returns them.
 *
 * @throws KeiError those of `readMigrations` and `newMigrationFiles`; `file-exists`, `cannot-write`: exit 4.
 */
export async function writeNewMigration(
  options: Omit<ReadMigrationsOptions, 'mayBeEmpty'> & {
    name: string
    irreversible?: string
    /** Only says what would be written. */
    dryRun?: boolean
  },
): Promise<NewFile[]> {
  const { name, irreversible, dryRun = false } = options
  const { root, folder, migrations } = await readMigrations({ ...options, mayBeEmpty: true })
  const files = newMigrationFiles({
    ...{ folder, name, now: new Date(), existing: migrations },
    ...(irreversible !== undefined && { irreversible }),
  })
  const [taken] = files.filter(({ file }) => existsSync(join(root, file)))
  if (taken !== undefined) {
    throw failure({
      code: 'file-exists',
      message: `${taken.file} is there already`,
      hint: 'Nothing was written. Run the command again.',
    })
  }
  if (dryRun) return files
  makeFolder(join(root, folder))
  for (const { file, text } of files) writeWhole(join(root, file), text)
  return files
}

function versionAfter(existing: readonly { version: string }[], now: Date): string {
  const last = existing
    .map(({ version }) => version)
    .reduce<string | undefined>(
      (greatest, version) => (greatest === undefined || compareVersions(version, greatest) > 0 ? version : greatest),
      undefined,
    )
  const time = now.toISOString().replace(/\D/g, '').slice(0, 14)
  const countsInTime = last === undefined || last.length === time.length
  return countsInTime && (last === undefined || compareVersions(time, last) > 0) ? time : nextVersion(last)
}

function slugOf(name: string): string {
  const refused = /[/\\.]/.exec(name)?.[0]
  const slug = name
    .normalize('NFC')
    // createUsers is two words.
    .replace(/(\p{Ll}|\d)(?=\p{Lu})/gu, '$1_')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}]+/gu, '_')
    .replace(/^_+|_+$/g, '')
  if (refused === undefined && slug !== '' && Buffer.byteLength(slug) <= longestName) return slug
  const reason =
    refused !== undefined
      ? `a name has no "${refused}" in it`
      : slug === ''
        ? 'it has no letter or digit'
        : `it has more than ${longestName} bytes`
  throw usageError({
    code: 'bad-name',
    message: `${JSON.stringify(name)} cannot be the name of a migration: ${reason}`,
    hint: 'Say in a few words what it does: `kei migrate new add index on orders`.',
  })
}

function upText(stem: string, irreversible: string | undefined): string {
  const comment =
    '-- SQL only. kei puts it into transactions by itself: write no BEGIN and COMMIT, and CONCURRENTLY where it helps.\n'
  if (irreversible === undefined) return `${comment}-- The way back goes into ${stem}.down.sql.\n\n`
  const reason = irreversible.trim()
  if (reason === '' || /[\n\r]/.test(reason)) {
    throw usageError({
      code: 'bad-reason',
      message: 'The reason for an irreversible migration is one line of text',
      hint: '`kei migrate new NAME --irreversible "the old totals cannot be made again"`',
    })
  }
  return `-- kei: irreversible ${reason}\n${comment}\n`
}

function downText(stem: string): string {
  return (
    `-- Takes back what ${stem}.sql does, last thing first.\n` +
    '-- If nothing can, remove this file and begin the other with `-- kei: irreversible REASON`.\n\n'
  )
}
