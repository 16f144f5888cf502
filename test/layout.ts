import { openFolder } from '../src/project/folder.ts'
import type { Layout } from '../src/project/layouts/layout.ts'
import type { MigrationFolder } from '../src/project/migration-file.ts'
import { folderWith } from './repository.ts'
import type { Files } from './repository.ts'

/** The folder `path` of a new repository with these files, read in a layout. */
export function readLayout(layout: Layout, files: Files, path = 'm'): MigrationFolder {
  const folder = openFolder(folderWith(files), path)
  if (folder === undefined) throw new Error('there is no such folder')
  return layout.read(folder)
}

/** Each migration as `version mode`. */
export function inShort({ migrations }: MigrationFolder): string[] {
  return migrations.map(({ version, up }) => `${version} ${up.mode}`)
}

/** Each file that was not read as `name code`. */
export function refused({ path, unreadable }: MigrationFolder): string[] {
  return unreadable.map((file) => `${file.path.slice(path.length + 1)} ${file.code}`)
}
