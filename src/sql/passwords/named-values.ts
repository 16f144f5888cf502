import { syntaxOf } from './connection-password.ts'
import type { ConnectionPassword } from './connection-password.ts'
import { keywordPassword } from './keyword-strings.ts'
import { aboutOf, connectionAround, isPlainName, ownerOf, standsBesideConnection } from './password-names.ts'
import { surroundingLines } from './surrounding-lines.ts'
import { nameBefore } from './values.ts'
import { valueOfName } from './value-of-name.ts'

/** The part of a name that says that its value is a password. */
const passwordWord = /pass(?:w(?:or)?d|phrase)?|pwd/gi
/** What may follow it in the name: where or for whom. */
const nameRest =
  /^(?:_(?:prod(?:uction)?|stag(?:e|ing)|dev(?:elopment)?|test|live|main|primary|replica|ro|rw|reader|writer|\d{1,3}|default))?(?![\w-])/i

/** Values given to a name that ends in a word for password: `POSTGRES_PASSWORD: …`, `password="…"`, `<password>…`. */
export function passwordsOfNames(file: string, text: string): ConnectionPassword[] {
  const syntax = syntaxOf(file)
  const found: ConnectionPassword[] = []
  let about: ReturnType<typeof aboutOf> | undefined
  passwordWord.lastIndex = 0
  for (let match = passwordWord.exec(text); match !== null; match = passwordWord.exec(text)) {
    const next = passwordWord.lastIndex
    const rest = nameRest.exec(text.slice(next, next + 24))?.[0]
    if (rest === undefined) continue
    const head = nameBefore(text, match.index)
    const start = match.index - head.length
    const end = next + rest.length
    const inKeywords = keywordPassword(text, start, end)
    if (inKeywords !== undefined) {
      found.push(inKeywords)
      passwordWord.lastIndex = inKeywords.span.end
      continue
    }
    const name = text.slice(start, end).replace(/^-+|^(?:process\.env|env)\./, '')
    const span = valueOfName(text, { start, end }, syntax)
    if (span === undefined || span.end <= span.start) continue
    passwordWord.lastIndex = Math.max(next, span.end)
    // A sentence is a message about passwords.
    if (isPlainName(name) && (syntax === 'prose' || /\s/.test(text.slice(span.start, span.end)))) continue
    about ??= aboutOf(file, text)
    const lines = surroundingLines(text, match.index)
    const written = text.slice(span.start, span.end)
    // A word of the code: `{ password: 'error' }`.
    const isWord = syntax === 'code' && isPlainName(name) && /^[A-Za-z]{1,10}$/.test(written)
    if (isWord && !standsBesideConnection(lines)) continue
    const { database, ...connection } = connectionAround(name, lines, syntax)
    found.push({
      span,
      value: isEncoded(text, lines) ? base64Decoded(written) : written,
      form: 'variable',
      of: ownerOf(name, lines, about),
      name,
      ...connection,
      ...(database !== undefined && { database }),
    })
  }
  return found
}

/** Below `data:` of a Kubernetes Secret. */
function isEncoded(text: string, lines: readonly string[]): boolean {
  return lines.some((line) => /^\s*data:\s*$/.test(line)) && /^kind:\s*["']?Secret\b/m.test(text)
}

function base64Decoded(text: string): string {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return text
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  const decoded = new TextDecoder().decode(bytes).trim()
  return /^[\x20-\x7e\u00a0-\ufffc]*$/.test(decoded) ? decoded : text
}
