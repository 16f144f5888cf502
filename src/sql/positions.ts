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
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
  }
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

/**
 * Turns the parser's offsets (UTF-8 bytes into `text`) into UTF-16 offsets. The parser counts bytes; editors and
 * JavaScript count UTF-16 code units. Offsets inside a character round down to its start.
 */
export function utf16Offsets(text: string): (byteOffset: number) => number {
  if (isAscii(text)) return (byteOffset) => byteOffset
  // One entry every `stride` code units keeps the table small on a large file.
  const stride = 256
  const bytesAt: number[] = []
  let bytes = 0
  for (let unit = 0; unit < text.length; unit++) {
    if (unit % stride === 0) bytesAt.push(bytes)
    bytes += byteLengthAt(text, unit)
  }
  return (byteOffset) => {
    let low = 0
    let high = bytesAt.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((bytesAt[middle] ?? 0) <= byteOffset) low = middle
      else high = middle - 1
    }
    let unit = low * stride
    let at = bytesAt[low] ?? 0
    while (unit < text.length) {
      const next = at + byteLengthAt(text, unit)
      if (next > byteOffset) break
      at = next
      unit++
    }
    return unit
  }
}

/** UTF-8 bytes that end with this code unit: the first half of a surrogate pair counts 0, its second half 4. */
function byteLengthAt(text: string, unit: number): number {
  const code = text.charCodeAt(unit)
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  const highSurrogate = code >= 0xd800 && code <= 0xdbff
  if (highSurrogate && isLowSurrogate(text.charCodeAt(unit + 1))) return 0
  const lowSurrogate = isLowSurrogate(code)
  if (lowSurrogate && unit > 0) {
    const before = text.charCodeAt(unit - 1)
    if (before >= 0xd800 && before <= 0xdbff) return 4
  }
  return 3
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff
}
