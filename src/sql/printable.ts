/**
 * Characters that move the cursor, colour, hide or reorder what is printed: controls (C0, DEL, C1), format characters
 * (bidirectional, zero-width, tags), line and paragraph separators, lone surrogates. A tab does no harm, and the
 * joiners are part of emoji and of several scripts.
 */
const unprintable = /(?![\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/**
 * One line of someone else's text, safe on a terminal and in a build log: unprintable characters are written as
 * escapes (`\x1b`, `\u202e`), and what a build service would read as a command (`::error::` at the line's start,
 * `##[…]` and `##vso[…]` anywhere) gets a backslash. A line break is escaped too: split the text first where it may
 * have lines. For JSON use JSON.stringify instead.
 */
export function printable(line: string): string {
  return line
    .replace(unprintable, escaped)
    .replace(/^(\s*):(?=:)/, '$1\\:')
    .replace(/##(?=\w*\[)/g, '#\\#')
}

function escaped(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  const code = character.codePointAt(0) ?? 0
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`
}
