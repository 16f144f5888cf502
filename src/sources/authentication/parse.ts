import type { Authentication } from '../../findings/authentication.ts'
import { expandFile } from './expand.ts'
import type { AuthenticationFiles } from './expand.ts'
import { readRecord } from './record.ts'

/**
 * What a server of a major makes of a pg_hba.conf and all that it includes: the records in its order, and the lines
 * that it refuses, in its words. What depends on the server's build, on other settings or on the resolution of names
 * is not among the faults.
 */
export function parseAuthentication(
  path: string,
  text: string,
  files: AuthenticationFiles,
  major: number,
): Authentication {
  const { lines, unread } = expandFile(path, text, files)
  const records: Authentication['records'] = []
  const faults: Authentication['faults'] = []
  for (const line of lines) {
    const record = line.fault === undefined ? readRecord(line, major) : { fault: line.fault }
    if ('fault' in record) faults.push({ at: line.at, message: record.fault })
    else records.push(record)
  }
  if (records.length + faults.length + unread.length === 0) {
    const at = { file: path, text, span: { start: 0, end: 0 } }
    faults.push({ at, message: `configuration file "${path}" contains no entries` })
  }
  return { from: 'file', records, faults, unread }
}
