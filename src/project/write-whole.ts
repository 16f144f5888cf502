import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { failure } from '../errors.ts'

/**
 * Writes a file so that, killed at any moment, either the old text or the new one is there: to a temporary name
 * beside it, fsync, rename.
 * @throws KeiError `cannot-write`, exit 4.
 */
export function writeWhole(path: string, text: string, mode = 0o666): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = openSync(temporary, 'wx', mode)
    try {
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw failure({
      code: 'cannot-write',
      message: `Cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'Nothing was changed. Give a path in a folder that exists and that you may write to.',
      cause: error,
    })
  }
}
