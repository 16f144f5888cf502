import { sep } from 'node:path'

/** Whether `path` is `folder` or lies in it. Both absolute, and real when a symbolic link must not lead out. */
export function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}
