import type { CheckReport } from '../findings/report.ts'

export interface ReporterContext {
  /** Whether escape sequences for colour may be written. */
  colour: boolean
  /** Width in columns. */
  width: number
  /** The decoded text of a file of the report; undefined when it cannot be read any more. */
  textOf(file: string): string | undefined
}

/** Prints a report as one text. Pure: a cached report prints like a fresh one. */
export type Reporter = (report: CheckReport, context: ReporterContext) => string
