import { nearest } from '../findings/nearest.ts'
import { blockCommentEnd, lineEndAfter } from './blank.ts'
import { lineStarts } from './positions.ts'
import { tokenEnd } from './token.ts'

/** What the header lines of a file ask for. */
export interface FileHeader {
  /** `-- kei: irreversible REASON` of an up file: there is no way back, and why. */
  irreversible?: string
  /** `-- kei: transaction none`: every statement in a transaction of its own. */
  transaction?: 'none'
  /** Milliseconds: `-- kei: lock-timeout 5s`. */
  lockTimeout?: number
}

/** What is wrong with a `-- kei:` line. `line` is 1-based. */
interface HeaderMistake {
  line: number
  message: string
}

const headerWords = ['irreversible', 'transaction', 'lock-timeout'] as const
type HeaderWord = (typeof headerWords)[number]

/** Words of another grammar: see `sql/ignore.ts`. */
const ignoreWords = ['ignore', 'ignore-file']

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000 }
/** PostgreSQL's limit of `lock_timeout`. */
const longestTimeout = 2_147_483_647

/**
 * The header of a migration file: `--` comments of one line before its first statement.
 *
 *     -- kei: irreversible REASON
 *     -- kei: transaction none
 *     -- kei: lock-timeout 5s
 *
 * A time is a number with the unit `ms`, `s` or `min`. Every other comment that begins with `kei:` is a problem, unless
 * it is an ignore comment; so is a header line that stands after the first statement, stands twice, or is a block
 * comment: a header that is passed over in silence would change how a file is run.
 */
export function readHeader(text: string): { header: FileHeader; problems: HeaderMistake[] } {
  const header: FileHeader = {}
  const problems: HeaderMistake[] = []
  if (!/kei:/i.test(text)) return { header, problems }

  const seen = new Set<HeaderWord>()
  for (const { line, body, isBlock, afterStatement } of keiComments(text)) {
    const [, written = '', value = ''] = /^(\S*)\s*([\s\S]*)$/.exec(body) ?? []
    const name = written.replace(/:$/, '')
    if (ignoreWords.includes(name.toLowerCase())) continue
    const word = headerWords.find((known) => known === name)
    const say = (message: string) => problems.push({ line, message })
    if (word === undefined) say(unknownWord(name))
    else if (isBlock) say(`the header line must be a \`--\` comment: \`-- kei: ${word} …\``)
    else if (afterStatement) say(`\`-- kei: ${word}\` must stand before the first statement`)
    else if (seen.has(word)) say(`\`-- kei: ${word}\` stands twice`)
    else {
      seen.add(word)
      const problem = take(header, word, value)
      if (problem !== undefined) say(problem)
    }
  }
  return { header, problems }
}

/** Puts a value into the header, or says what is wrong with it. */
function take(header: FileHeader, word: HeaderWord, value: string): string | undefined {
  switch (word) {
    case 'irreversible':
      if (value === '') return 'say why: `-- kei: irreversible REASON`'
      header.irreversible = value
      return undefined
    case 'transaction':
      if (value !== 'none') return `expected \`-- kei: transaction none\`, found \`transaction ${value}\``
      header.transaction = value
      return undefined
    case 'lock-timeout': {
      const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|min)$/.exec(value) ?? []
      const timeout = Math.round(Number(number) * (milliseconds[unit] ?? Number.NaN))
      // NaN is none of both. 0 would mean to PostgreSQL that there is no limit.
      if (!(timeout >= 1 && timeout <= longestTimeout)) {
        return `expected a time such as \`500ms\`, \`5s\` or \`1min\`, found \`${value}\``
      }
      header.lockTimeout = timeout
      return undefined
    }
  }
}

function unknownWord(name: string): string {
  const meant = nearest(name, [...headerWords, ...ignoreWords])
  return meant === undefined
    ? `unknown header \`${name}\`; there are ${headerWords.map((word) => `\`${word}\``).join(', ')}`
    : `unknown header \`${name}\`; did you mean \`${meant}\`?`
}

interface KeiComment {
  line: number
  /** After `kei:`. */
  body: string
  isBlock: boolean
  afterStatement: boolean
}

/** The comments that begin with `kei:`, within statements too. */
function keiComments(text: string): KeiComment[] {
  const found: KeiComment[] = []
  let afterStatement = false
  let starts: number[] | undefined
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at)
    const isLine = code === 45 && text.charCodeAt(at + 1) === 45
    const isBlock = code === 47 && text.charCodeAt(at + 1) === 42
    if (isLine || isBlock) {
      const start = at
      at = isLine ? lineEndAfter(text, start) : blockCommentEnd(text, start)
      const comment = text.slice(start, at)
      const body = /^(?:-+|\/\*+[\s*]*)\s*kei:\s*([\s\S]*?)\s*(?:\*+\/)?$/i.exec(comment)?.[1]
      if (body === undefined) continue
      starts ??= lineStarts(text)
      found.push({ line: starts.findLastIndex((begin) => begin <= start) + 1, body, isBlock, afterStatement })
    } else if (code === 32 || (code >= 9 && code <= 13)) {
      at++
    } else {
      afterStatement ||= code !== 59
      at = tokenEnd(text, at)
    }
  }
  return found
}
