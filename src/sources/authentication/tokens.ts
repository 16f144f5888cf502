/** A token of a line, without its quotes. */
export interface LineToken {
  text: string
  /** Quoted from its first character on: then it is neither keyword, `+group` nor `@file`. */
  quoted: boolean
  /** Offsets into the line, quotes included. */
  start: number
  end: number
}

/** The tokens between two stretches of blanks: more than one where commas stand between them. */
export type Field = [LineToken, ...LineToken[]]

const blank = /[ \t\r]/

/**
 * The fields of one line of pg_hba.conf or of a file of names: comments left out, `""` in quotes for a quote. A quote
 * that is never closed ends with the line, as it does for the server.
 * Source: PostgreSQL manual, "The pg_hba.conf File"; the server's own reading is what the tests compare with.
 */
export function fieldsOf(line: string): Field[] {
  const fields: Field[] = []
  let isContinued = false
  for (let next = tokenAt(line, 0); next !== undefined; next = tokenAt(line, next.token.end)) {
    const field = isContinued ? fields.at(-1) : undefined
    if (field === undefined) fields.push([next.token])
    else field.push(next.token)
    isContinued = next.comma
  }
  return fields
}

function tokenAt(line: string, from: number): { token: LineToken; comma: boolean } | undefined {
  let at = from
  while (at < line.length && (blank.test(line.charAt(at)) || line[at] === ',')) at++
  const start = at
  let text = ''
  let quoted = false
  let sawQuote = false
  let inQuote = false
  // Whether the character before closed a quote: another one then stands for itself and opens it again.
  let wasQuote = false
  for (; at < line.length; at++) {
    const character = line.charAt(at)
    if (!inQuote && (blank.test(character) || character === '#' || character === ',')) break
    if (character !== '"' || wasQuote) text += character
    wasQuote = inQuote && character === '"' ? !wasQuote : false
    if (character !== '"') continue
    inQuote = !inQuote
    sawQuote = true
    if (text === '') quoted = true
  }
  if (!sawQuote && text === '') return undefined
  return { token: { text, quoted, start, end: at }, comma: line[at] === ',' }
}
