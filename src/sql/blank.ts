/**
 * The first offset from `at` on that is neither white space, a comment nor a semicolon; the text's length when
 * there is none. Comments are read as PostgreSQL's scanner reads them: `--` to the end of the line, `/* *\/` nested.
 * Only to be called between two tokens.
 */
export function skipBlank(text: string, at: number): number {
  let i = at
  while (i < text.length) {
    const code = text.charCodeAt(i)
    // space, \t \n \v \f \r, and the semicolon that separates statements
    if (code === 32 || (code >= 9 && code <= 13) || code === 59) {
      i++
    } else if (code === 45 && text.charCodeAt(i + 1) === 45) {
      const end = text.indexOf('\n', i)
      i = end === -1 ? text.length : end + 1
    } else if (code === 47 && text.charCodeAt(i + 1) === 42) {
      i = skipBlockComment(text, i)
    } else {
      return i
    }
  }
  return text.length
}

/** The offset after the block comment that starts at `at`; an unterminated one runs to the end. */
export function skipBlockComment(text: string, at: number): number {
  let depth = 0
  let i = at
  while (i < text.length) {
    if (text.startsWith('/*', i)) {
      depth++
      i += 2
    } else if (text.startsWith('*/', i)) {
      depth--
      i += 2
      if (depth === 0) return i
    } else {
      i++
    }
  }
  return text.length
}
