/** What `printable` escapes, but for the line break and the tab, which JSON text has only between its values. */
const unprintable = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/**
 * A JSON document of two-space indentation and a line break at its end, safe on a terminal and in a build log: what
 * would move the cursor or reorder the text, and `##[…]`, which a build service would read as a command, are written
 * as JSON's own escapes. Its value is that of `JSON.stringify`, but for lone surrogates: other languages' parsers
 * refuse a document that has one, so each is U+FFFD.
 */
export function jsonText(value: unknown): string {
  const text = withoutSurrogates(JSON.stringify(value, null, 2))
    .replace(unprintable, (character) => character.split('').map(escaped).join(''))
    .replace(/##(?=\w*\[)/g, `#${escaped('#')}`)
  return `${text}\n`
}

function withoutSurrogates(text: string): string {
  // Nearly no document has one, and every line break in a value is an escape to look at.
  if (!text.includes('\\ud')) return text
  return text.replace(/\\(?:u.{4}|.)/g, (escape) => (/^\\ud[89a-f]/.test(escape) ? '\ufffd' : escape))
}

/** One UTF-16 code unit. */
function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
