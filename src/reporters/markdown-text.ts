import { printable } from '../sql/printable.ts'
import { printableLines } from './printable-lines.ts'

/** A space of no width between two characters that a site would make a mention, a reference or a link of. */
const apart = '&#8203;'

/**
 * Someone else's text as Markdown that shows it as it is: no markup, no HTML, no mention of a person, no reference to
 * an issue, no link. Its lines stay lines.
 */
export function prose(text: string): string {
  return printableLines(text)
    .map((line) => proseLine(line.trim()))
    .filter((line) => line !== '')
    .join('\\\n')
}

function proseLine(line: string): string {
  return line
    .replace(/[\\`*[\]<>|~$&#{}]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, '\\$&')
    .replace(/^[-+=:]/, '\\$&')
    .replace(/^(\d+)([.)])/, '$1\\$2')
    .replace(/(@|\\#|GH-|www\.)(?=\w)/gi, `$1${apart}`)
    .replace(/:\/\//g, `:${apart}//`)
}

/** Someone else's text as a code span of one line; not for a table, where a `|` ends the cell even there. */
export function codeSpan(text: string): string {
  const line = printable(text)
  const fence = '`'.repeat(longestRun(line) + 1)
  const space = /^`|`$|^ .* $|^ *$/.test(line) ? ' ' : ''
  return `${fence}${space}${line}${space}${fence}`
}

/** Someone else's text as a block of code. */
export function codeBlock(text: string, language = ''): string {
  const lines = printableLines(text)
  const fence = '`'.repeat(Math.max(3, ...lines.map((line) => longestRun(line) + 1)))
  return [`${fence}${language}`, ...lines, fence].join('\n')
}

function longestRun(line: string): number {
  return Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length))
}
