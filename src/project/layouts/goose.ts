import { joinPath } from '../folder.ts'
import type { Folder } from '../folder.ts'
import type { MigrationFile, MigrationFolder, UnreadableFile } from '../migration-file.ts'
import { readGooseScript } from './goose-script.ts'
import type { Stretch } from './goose-script.ts'
import { compareVersions, fileWith, inOrder, looksLikeMigration, migrationOf, readInto, refusedFile } from './layout.ts'
import type { Layout } from './layout.ts'

const fileName = /^(\d+)_(.*)\.(sql|go)$/
const greatestVersion = '9223372036854775807'

/**
 * goose: `<version>_<name>.sql` with annotations, and `.go`, which is code. The version is a signed 64-bit number
 * above 0. Statements are sent one by one, in one transaction unless the file says NO TRANSACTION.
 */
export const goose: Layout = {
  name: 'goose',
  mark(folder) {
    const name = fileWith(folder, /^[ \t]*--[ \t]*\+goose\b/m, ['+goose'])
    return name && `\`-- +goose\` in ${name}`
  },
  read: readFolder,
}

function readFolder(folder: Folder): MigrationFolder {
  const migrations: MigrationFile[] = []
  const unreadable: UnreadableFile[] = []
  const code: MigrationFolder['code'] = []
  for (const entry of folder.files) {
    const [, version, name, extension] = fileName.exec(entry) ?? []
    if (version === undefined || name === undefined || !isVersion(version)) {
      if (!looksLikeMigration(entry)) continue
      const message =
        'The file is not named <version>_<name>.sql with a version above 0, so goose takes no version from it'
      unreadable.push(refusedFile(folder, entry, 'unrecognised-name', message))
      continue
    }
    if (extension === 'go') {
      if (!entry.endsWith('_test.go')) code.push({ path: joinPath(folder.path, entry), version })
      continue
    }
    const file = readInto(unreadable, folder, entry)
    if (file === undefined) continue
    const script = readGooseScript(file.text)
    if ('refused' in script) {
      unreadable.push({ path: file.path, ...script.refused })
      continue
    }
    const { mode } = script
    const section = ({ start, end }: Stretch) => ({ file: file.path, text: file.text.slice(start, end), start, mode })
    const down = script.down && section(script.down)
    migrations.push(migrationOf('goose', file, { version, name, up: section(script.up), down }))
  }
  return { layout: 'goose', path: folder.path, migrations: inOrder(migrations), unreadable, code }
}

function isVersion(digits: string): boolean {
  return /[1-9]/.test(digits) && compareVersions(digits, greatestVersion) <= 0
}
