import * as crypto from 'node:crypto'
import { skipSpace } from '../sql/blank.ts'
import { readHeader } from '../sql/file-header.ts'
import type { FileHeader } from '../sql/file-header.ts'
import { isAscii } from '../sql/positions.ts'
import { tokenEnd, withPlainJoints } from '../sql/token.ts'

/**
 * Of the checksum's algorithm. A change of what `checksumOf` gives for a text needs the next one: checksums of
 * different versions are not compared.
 */
const checksumVersion = '1'

/**
 * The checksum of a migration file: the algorithm's version, a colon, and 64 hexadecimal digits, the SHA-256 of what
 * the header lines ask for and of PostgreSQL's tokens, semicolons among them. Comments and white space between tokens
 * do not count, nor does the case of words that are not quoted. `text` has its byte order mark off and CRLF as LF, as
 * `readSource` gives it; line breaks within strings count.
 */
export function checksumOf(text: string, header: FileHeader = readHeader(text).header): string {
  return `${checksumVersion}:${sha256(headerLines(header) + tokensText(text))}`
}

/** Whether a checksum of the history is by the algorithm of `checksumOf`. */
export function isComparable(checksum: string): boolean {
  return checksum.startsWith(`${checksumVersion}:`)
}

/**
 * What the history keeps of one statement (`Statement.text`): 32 hexadecimal digits, the first half of the SHA-256 of
 * its tokens.
 */
export function statementHash(text: string): string {
  return sha256(tokensText(text)).slice(0, 32)
}

/** Of any text. */
export function sha256(text: string): string {
  // In one call it is three times as fast for a short text; since Node 20.12.
  return crypto.hash('sha256', text)
}

/** A header line cannot be taken for a token: none begins with `--`. */
function headerLines({ irreversible, transaction, lockTimeout }: FileHeader): string {
  let lines = ''
  if (irreversible !== undefined) lines += `-- irreversible ${irreversible}\0`
  if (transaction !== undefined) lines += `-- transaction ${transaction}\0`
  if (lockTimeout !== undefined) lines += `-- lock-timeout ${lockTimeout}\0`
  return lines
}

/** The tokens, each closed by a NUL, which stands in no text that PostgreSQL takes. */
function tokensText(text: string): string {
  const folded = lowerCase(text)
  let tokens = ''
  for (let at = skipSpace(text, 0); at < text.length;) {
    const end = tokenEnd(text, at)
    tokens += `${isWord(text, at, end) ? folded.slice(at, end) : plainToken(text.slice(at, end))}\0`
    at = skipSpace(text, end)
  }
  return tokens
}

/** Words in lower case. Only ASCII: whether PostgreSQL folds other letters depends on the database's encoding. */
function lowerCase(text: string): string {
  return isAscii(text) ? text.toLowerCase() : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** Not a string or name with a prefix: `E'…'`, `U&"…"`. A word can stand right before a quote too, but ends there. */
function isWord(text: string, start: number, end: number): boolean {
  const first = text.charCodeAt(start)
  const isLetter = (first >= 97 && first <= 122) || (first >= 65 && first <= 90) || first === 95 || first >= 128
  if (!isLetter || end === start + 1) return isLetter
  const second = text.charCodeAt(start + 1)
  return second !== 39 && second !== 38
}

/** What stands between the parts of a string that goes on after a line break is comments and white space too. */
function plainToken(token: string): string {
  return /[\n\r]/.test(token) ? withPlainJoints(token) : token
}
