import type { NewFile } from '../findings/fix.ts'
import { compareVersions } from '../project/layouts/layout.ts'
import { nextVersion } from '../project/layouts/new-migration.ts'
import { splitNumbered } from './numbered-path.ts'

/** Gives new migrations of several fixes versions one after another: each fix by itself numbers them after the last. */
export function createRenumbering(): (files: readonly NewFile[]) => NewFile[] {
  const lastByFolder = new Map<string, string>()
  return (files) => {
    const versions = new Map<string, string>()
    return files.map(({ file, text }) => {
      const path = splitNumbered(file)
      if (path === undefined) return { file, text }
      const { folder, kind, version, rest } = path
      const key = `${folder}\0${version}`
      let given = versions.get(key)
      if (given === undefined) {
        const last = lastByFolder.get(folder)
        given = last === undefined || isAfter(version, last) ? version : nextVersion(last)
        versions.set(key, given)
        lastByFolder.set(folder, given)
      }
      return { file: `${folder}${kind}${given}${rest}`, text }
    })
  }
}

/** Whether a version comes after another; those with dots part by part. */
function isAfter(version: string, other: string): boolean {
  const [left, right] = [version.split('.'), other.split('.')]
  for (const [index, part] of left.entries()) {
    const order = compareVersions(part, right[index] ?? '0')
    if (order !== 0) return order > 0
  }
  return false
}
