/** A place in a text. `line` and `column` are 1-based; `column` counts UTF-16 code units. */
export interface Position {
  line: number
  column: number
}

/** A stretch of a text in UTF-16 offsets, end exclusive. */
export interface Span {
  start: number
  end: number
}

/** Turns offsets into lines and columns. The table of line starts is built once, on first use. */
export function positionsOf(text: string): (offset: number) => Position {
  let starts: number[] | undefined
  return (offset) => {
    starts ??= lineStarts(text)
    const line = lastAtMost(starts, offset)
    return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 }
  }
}

/** The offset at which each line begins. */
export function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

/**
 * Turns the parser's offsets (UTF-8 bytes into `text`) into UTF-16 offsets. The parser counts bytes; editors and
 * JavaScript count UTF-16 code units. Offsets inside a character round down to its start, those past the end to the
 * end. A lone surrogate counts as the three bytes of its replacement character.
 */
export function utf16Offsets(text: string): (byteOffset: number) => number {
  if (isAscii(text)) return (byteOffset) => Math.min(byteOffset, text.length)
  // One entry every `stride` code units keeps the table small on a large file.
  const stride = 256
  const bytesAt: number[] = []
  let bytes = 0
  for (let unit = 0; unit < text.length; unit++) {
    if (unit % stride === 0) bytesAt.push(bytes)
    bytes += byteLengthAt(text, unit)
  }
  return (byteOffset) => {
    const entry = lastAtMost(bytesAt, byteOffset)
    let unit = entry * stride
    let at = bytesAt[entry] ?? 0
    while (unit < text.length) {
      at += byteLengthAt(text, unit)
      if (at > byteOffset) break
      unit++
    }
    return unit
  }
}

/** The UTF-16 offset of the character (code point) number `count`, 0-based; the end when there are fewer. */
export function utf16OffsetOfCharacter(text: string, count: number): number {
  let unit = 0
  for (let left = count; left > 0 && unit < text.length; left--) unit += isPair(text, unit) ? 2 : 1
  return unit
}

/** Whether every character is ASCII: then bytes, characters and UTF-16 code units are the same. */
export function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

/** UTF-8 bytes of the character that starts with this code unit; 0 for the second half of a surrogate pair. */
function byteLengthAt(text: string, unit: number): number {
  const code = text.charCodeAt(unit)
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  if (isPair(text, unit)) return 4
  return isLowSurrogate(code) && unit > 0 && isPair(text, unit - 1) ? 0 : 3
}

function isPair(text: string, unit: number): boolean {
  const code = text.charCodeAt(unit)
  return code >= 0xd800 && code <= 0xdbff && isLowSurrogate(text.charCodeAt(unit + 1))
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff
}

/** Index of the last of the ascending `values` that is not greater than `limit`; 0 when there is none. */
function lastAtMost(values: readonly number[], limit: number): number {
  let low = 0
  let high = values.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((values[middle] ?? 0) <= limit) low = middle
    else high = middle - 1
  }
  return low
}
