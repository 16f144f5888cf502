import { skipSpace } from '../../sql/blank.ts'
import { tokenEnd } from '../../sql/token.ts'

interface Word {
  start: number
  end: number
  /** In lower case where it is not quoted. */
  text: string
}

function* wordsFrom(text: string, from: number): Iterable<Word> {
  for (let start = skipSpace(text, from); start < text.length;) {
    const end = tokenEnd(text, start)
    yield { start, end, text: text.slice(start, end).toLowerCase() }
    start = skipSpace(text, end)
  }
}

/** Where these words follow each other outside of parentheses. */
export function wordsAt(text: string, words: readonly string[]): { start: number; end: number } | undefined {
  let depth = 0
  let found: Word[] = []
  for (const word of wordsFrom(text, 0)) {
    if (word.text === '(') depth++
    else if (word.text === ')') depth--
    if (depth > 0 || word.text !== words[found.length]) found = depth === 0 && word.text === words[0] ? [word] : []
    else found.push(word)
    const [first] = found
    if (first && found.length === words.length) return { start: first.start, end: word.end }
  }
  return undefined
}

/** The first parenthesised lists from `from` on, each cut at its commas, and where the last one ends. */
export function listsAfter(text: string, from: number, count: number): { lists: string[][]; end: number } {
  const lists: string[][] = []
  let items: string[] = []
  let depth = 0
  let start = from
  let end = from
  for (const word of wordsFrom(text, from)) {
    if (lists.length === count) break
    if (word.text === '(' && depth++ === 0) {
      items = []
      start = word.end
    } else if (word.text === ')' && --depth === 0) {
      lists.push([...items, text.slice(start, word.start).trim()])
      end = word.end
    } else if (word.text === ',' && depth === 1) {
      items.push(text.slice(start, word.start).trim())
      start = word.end
    }
  }
  return { lists, end }
}

/** A CREATE INDEX cut before and after the name of its table. */
export function splitAtRelation(text: string): { head: string; relation: string; tail: string } | undefined {
  const on = wordsAt(text, ['on'])
  if (on === undefined) return undefined
  let name: { start: number; end: number } | undefined
  let goesOn = true
  for (const { start, end, text: word } of wordsFrom(text, on.end)) {
    if (name === undefined && word === 'only') continue
    if (!goesOn && word !== '.') break
    goesOn = word === '.'
    name = { start: name?.start ?? start, end }
  }
  return (
    name && { head: text.slice(0, name.start), relation: text.slice(name.start, name.end), tail: text.slice(name.end) }
  )
}
