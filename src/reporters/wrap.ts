import { printable } from '../sql/printable.ts'

/**
 * The lines of a text, wrapped at `width` columns and indented. A line that starts with white space is code: it is
 * kept whole.
 */
export function wrap(text: string, width: number, indent: string): string[] {
  return text.split('\n').flatMap((line) => {
    const clean = printable(line)
    if (/^\s/.test(clean) || indent.length + clean.length <= width) return [indent + clean]
    // Again for each part: one may begin with what only does harm at the start of a line.
    return fold(clean.split(' '), width - indent.length).map((folded) => indent + printable(folded))
  })
}

function fold(words: readonly string[], width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of words) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  lines.push(line)
  return lines
}
