import type { Reporter } from './reporter.ts'

/** One JSON document: the report as it is. */
export const json: Reporter = (report) => `${JSON.stringify(report, null, 2)}\n`
