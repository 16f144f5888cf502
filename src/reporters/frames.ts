import type { FileLocation } from '../findings/location.ts'
import { lineStarts } from '../sql/positions.ts'
import type { Span } from '../sql/positions.ts'
import { secretsInFile } from '../sql/passwords/find.ts'
import { framesOf } from '../sql/syntax-frame.ts'
import type { SyntaxFrame } from '../sql/syntax-frame.ts'
import type { ReporterContext } from './reporter.ts'

/** The frame of a place, at most `width` columns wide; undefined when there is nothing to show. */
export type FrameOf = (location: FileLocation, width: number) => SyntaxFrame | undefined

/** Frames for places by line and column; what a file needs for them is made once. */
export function framesOfFiles(context: ReporterContext): FrameOf {
  const files = new Map<string, { starts: number[]; frame: (place: Span, width: number) => SyntaxFrame } | undefined>()
  return (location, width) => {
    if (!files.has(location.file)) {
      const text = context.textOf(location.file)
      const secretsOf = (whole: string) => secretsInFile(location.file, whole)
      const file = text === undefined ? undefined : { starts: lineStarts(text), frame: framesOf(text, secretsOf) }
      files.set(location.file, file)
    }
    const file = files.get(location.file)
    if (file === undefined) return undefined
    const offsetOf = (line: number, column: number) => (file.starts[line - 1] ?? 0) + column - 1
    const { line, column, endLine, endColumn } = location
    const frame = file.frame({ start: offsetOf(line, column), end: offsetOf(endLine, endColumn) }, width)
    return frame.excerpt.trim() === '' ? undefined : frame
  }
}
