import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { normalize } from 'node:path/posix'
import { readBytes, readSource } from './files.ts'
import type { FileReading } from './files.ts'

/** A folder as the layouts see it: names at once, contents when asked for, each file read once. */
export interface Folder {
  /** Relative to the repository, `/` as separator; `.` for the repository itself. */
  path: string
  /** Names of what is no folder, sorted by code unit. */
  files: readonly string[]
  /** Names of the folders, sorted by code unit; symbolic links are not among them. */
  folders: readonly string[]
  /** `name` is relative to the folder. */
  read(name: string): FileReading
  /** The bytes of a file as they are on the disk; undefined when they cannot be read. */
  bytes(name: string): Uint8Array | undefined
  /** `name` is relative to the folder and may begin with `../`. */
  has(name: string): boolean
  /** Another folder of the repository, as `has` names it; undefined when there is none to be listed. */
  open(name: string): Folder | undefined
}

/** Lists a folder of the repository whose real path is `root`. Undefined when it cannot be listed. */
export function openFolder(root: string, path: string): Folder | undefined {
  const files: string[] = []
  const folders: string[] = []
  const regular = new Set<string>()
  try {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      if (entry.isDirectory()) folders.push(entry.name)
      else files.push(entry.name)
      if (entry.isFile()) regular.add(entry.name)
    }
  } catch {
    return undefined
  }
  const readings = new Map<string, FileReading>()
  return {
    path,
    files: files.sort(),
    folders: folders.sort(),
    read(name) {
      let reading = readings.get(name)
      if (reading === undefined) {
        reading = readSource(root, joinPath(path, name), { isRegular: regular.has(name) })
        readings.set(name, reading)
      }
      return reading
    },
    bytes: (name) => readBytes(root, joinPath(path, name)),
    has: (name) => existsSync(join(root, path, name)),
    open(name) {
      const other = normalize(`${path}/${name}`).replace(/\/$/, '')
      return other === '..' || other.startsWith('../') ? undefined : openFolder(root, other)
    },
  }
}

/** Joins paths of the repository. */
export function joinPath(folder: string, name: string): string {
  return folder === '.' ? name : `${folder}/${name}`
}
