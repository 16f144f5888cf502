import { readIgnore } from '../sql/ignore.ts'
import type { FileIgnores } from './ignores.ts'

const lineComment = /(?:#|\/\/|--|;|<!--)\s*(kei:\s*ignore\b.*?)\s*(?:-->)?$/i

/**
 * The ignore comments of a file of lines: `# kei: ignore RULE: reason`, also after `//`, `--`, `;` and `<!--`. One that
 * has its line to itself is about the next line that is neither empty nor such a comment, one behind other text about
 * its own line.
 */
export function readLineIgnores(file: string, text: string): FileIgnores {
  const ignores: FileIgnores['ignores'] = []
  if (!text.toLowerCase().includes('kei:')) return { file, text, ignores }
  const lines: { start: number; end: number; text: string }[] = []
  let start = 0
  for (const line of text.split('\n')) {
    lines.push({ start, end: start + line.length, text: line })
    start += line.length + 1
  }
  for (const [index, line] of lines.entries()) {
    const match = lineComment.exec(line.text)
    if (match === null) continue
    const span = { start: line.start + match.index, end: line.end }
    const ignore = readIgnore({ ...span, text: match[0], body: match[1] ?? '' })
    if (ignore === undefined) continue
    const isAlone = line.text.slice(0, match.index).trim() === ''
    const next = lines.slice(index + 1).find((each) => each.text.trim() !== '' && !lineComment.test(each.text))
    const covered = isAlone ? next : line
    ignores.push({
      ignore,
      covers: ignore.scope === 'file' ? 'file' : covered ? { start: covered.start, end: covered.end } : 'nothing',
      used: false,
    })
  }
  return { file, text, ignores }
}
