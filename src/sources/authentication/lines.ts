/** A line as the server reads it: what a backslash at its end continues is joined. */
export interface LogicalLine {
  text: string
  /** The offset in the file of an offset in `text`. */
  offset(at: number): number
}

/** The lines of a file, each with those that continue it. */
export function logicalLines(text: string): LogicalLine[] {
  const lines: LogicalLine[] = []
  for (let at = 0; at < text.length;) {
    const pieces: { from: number; offset: number }[] = []
    let joined = ''
    let continued = 0
    while (at < text.length) {
      const newline = text.indexOf('\n', at)
      const end = newline === -1 ? text.length : newline
      pieces.push({ from: joined.length, offset: at })
      joined = withoutReturns(joined + text.slice(at, end))
      at = end + 1
      // A backslash that an earlier line left at the end continues nothing.
      if (joined.length <= continued || !joined.endsWith('\\')) break
      joined = joined.slice(0, -1)
      continued = joined.length
    }
    lines.push({
      text: joined,
      offset(position) {
        const piece = pieces.findLast(({ from }) => from <= position)
        return piece === undefined ? position : piece.offset + position - piece.from
      },
    })
  }
  return lines
}

function withoutReturns(text: string): string {
  let end = text.length
  while (text[end - 1] === '\r') end--
  return text.slice(0, end)
}
