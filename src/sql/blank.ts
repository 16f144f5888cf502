/**
 * The first offset from `at` on that is neither white space, a comment nor a semicolon; the text's length when
 * there is none. Comments are read as PostgreSQL's scanner reads them: `--` to the end of the line, `/* *\/` nested.
 * Only to be called between two tokens.
 */
export function skipBlank(text: string, at: number): number {
  let i = skipSpace(text, at)
  while (text.charCodeAt(i) === 59) i = skipSpace(text, i + 1)
  return i
}

/** As `skipBlank`, but a semicolon is something: it separates statements. */
export function skipSpace(text: string, at: number): number {
  let i = at
  while (i < text.length) {
    const code = text.charCodeAt(i)
    // space, \t \n \v \f \r
    if (code === 32 || (code >= 9 && code <= 13)) {
      i++
    } else if (code === 45 && text.charCodeAt(i + 1) === 45) {
      i = lineEndAfter(text, i)
    } else if (code === 47 && text.charCodeAt(i + 1) === 42) {
      i = blockCommentEnd(text, i)
    } else {
      return i
    }
  }
  return text.length
}

const lineBreak = /[\n\r]/g

/** The offset of the next line break from `at` on, which is where a `--` comment ends; else the text's length. */
export function lineEndAfter(text: string, at: number): number {
  lineBreak.lastIndex = at
  return lineBreak.exec(text)?.index ?? text.length
}

/** The offset after the block comment that starts at `at`; an unterminated one runs to the end. */
export function blockCommentEnd(text: string, at: number): number {
  let depth = 0
  let i = at
  while (i < text.length) {
    const code = text.charCodeAt(i)
    if (code === 47 && text.charCodeAt(i + 1) === 42) {
      depth++
      i += 2
    } else if (code === 42 && text.charCodeAt(i + 1) === 47) {
      depth--
      i += 2
      if (depth === 0) return i
    } else {
      i++
    }
  }
  return text.length
}
