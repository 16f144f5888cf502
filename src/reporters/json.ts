import { jsonText } from '../findings/json-text.ts'
import type { Reporter } from './reporter.ts'

/** One JSON document: the report as it is. */
export const json: Reporter = (report) => jsonText(report)
