import { createHash } from 'node:crypto'

/**
 * For each file the hash of everything that decides what it does: the parts given as `base`, all files before it and
 * itself. Equal hashes mean equal evidence. Hexadecimal SHA-256; the first entry is that of the empty history.
 */
export function chainHashes(base: unknown, files: readonly { file: string; mode: string; text: string }[]): string[] {
  const chain = [sha256(JSON.stringify(base))]
  for (const { file, mode, text } of files) {
    chain.push(sha256(JSON.stringify([chain.at(-1), file, mode, text])))
  }
  return chain
}

/** The hash of the history after so many of its files. */
export function hashAfter(chain: readonly string[], files: number): string {
  const hash = chain[files]
  if (hash === undefined) throw new RangeError(`the chain has no entry ${files}`)
  return hash
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
