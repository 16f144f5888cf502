import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { failure } from '../errors.ts'

/**
 * Makes a folder, with those above it, where there is none.
 * @throws KeiError `cannot-write`, exit 4.
 */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (error) {
    throw cannotWrite(`Cannot make the folder ${path}`, 'Give a path that you may write to.', error)
  }
}

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
    throw cannotWrite(`Cannot write ${path}`, 'Give a path in a folder that exists and that you may write to.', error)
  }
}

function cannotWrite(what: string, hint: string, cause: unknown): Error {
  return failure({
    code: 'cannot-write',
    message: `${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: `Nothing was changed. ${hint}`,
    cause,
  })
}
