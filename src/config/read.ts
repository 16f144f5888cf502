import { isUtf8 } from 'node:buffer'
import { lstatSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { usageError } from '../errors.ts'
import { defaultConfig } from './config.ts'
import type { Config } from './config.ts'
import { isWithin } from './within.ts'

const fileName = 'kei.jsonc'
const maxBytes = 1024 * 1024

/**
 * The configuration for the folder `from` (absolute): the first `kei.jsonc` upward, as far as `repository`. Outside a
 * repository as far as the home directory, and outside that too only in `from` itself: a file that somebody left in
 * `/tmp` decides nothing.
 * @throws KeiError `invalid-config`, also for a file that is too large, is not UTF-8 or leads out of the repository.
 */
export async function readConfig(
  from: string,
  repository: string | undefined,
  home: string = homedir(),
): Promise<Config> {
  const top = repository ?? (isWithin(home, from) ? home : from)
  const file = findUpward(from, top)
  if (file === undefined) return structuredClone(defaultConfig)
  const text = readText(file, top)
  // The parser and the validator are only loaded where there is something to read.
  const { parseConfig } = await import('./parse.ts')
  return { file, ...parseConfig(text, relative(top, file)) }
}

function findUpward(from: string, top: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, fileName)
    if (isThere(file)) return file
    if (folder === top || folder === dirname(folder)) return undefined
  }
}

/** A link that leads nowhere is there too: it is then refused rather than passed over. */
function isThere(file: string): boolean {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false
  }
}

function readText(file: string, top: string): string {
  const refuse = (reason: string, hint: string, cause?: unknown) =>
    usageError({ code: 'invalid-config', message: `${relative(top, file)}: ${reason}`, hint, cause })

  let bytes: Buffer
  try {
    const real = realpathSync(file)
    if (!isWithin(realpathSync(top), real)) {
      throw refuse('is a symbolic link out of the repository', 'Put the file itself there.')
    }
    const { size } = statSync(real)
    if (!statSync(real).isFile()) throw refuse('is not a regular file', 'Put a file there, or take it away.')
    if (size > maxBytes) throw refuse(`has ${size} bytes; the limit is ${maxBytes}`, 'Take out what is not needed.')
    bytes = readFileSync(real)
  } catch (error) {
    if (error instanceof Error && 'errno' in error) {
      throw refuse(`cannot be read: ${error.message}`, 'Make it readable, or take it away.', error)
    }
    throw error
  }
  if (!isUtf8(bytes)) throw refuse('is not UTF-8', 'Save it as UTF-8.')
  const text = bytes.toString('utf8')
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}
