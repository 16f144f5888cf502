import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { usageError } from '../errors.ts'
import { knownFrom, knownText, parseKnown, withoutKnown } from '../findings/known-findings.ts'
import type { CheckReport } from '../findings/report.ts'
import { writeWhole } from '../project/write-whole.ts'
import type { CommandContext, CommandInput } from './command.ts'

/** The file of accepted findings, and whether today's are to be written into it. */
export interface KnownOptions {
  file: string
  accept: boolean
  dryRun: boolean
}

/**
 * What --known, --accept and --dry-run say; undefined without --known.
 * @throws KeiError `accept-without-known`
 */
export function readKnownOptions(options: CommandInput['options']): KnownOptions | undefined {
  const { known: file } = options
  const accept = options['accept'] === true
  if (typeof file === 'string') return { file, accept, dryRun: options['dryRun'] === true }
  if (!accept) return undefined
  throw usageError({
    code: 'accept-without-known',
    message: '--accept needs the file that it writes to',
    hint: 'kei check --known known-findings.json --accept',
  })
}

/**
 * The report without what the file accepts; with --accept everything found is written into it first.
 * @param isWhole whether the report is about all that there is.
 * @throws KeiError `no-known-file`, `invalid-known-file`, `accept-of-a-part`, `cannot-write`
 */
export function leaveOutKnown(
  report: CheckReport,
  { file, accept, dryRun }: KnownOptions,
  isWhole: boolean,
  { terminal, workingDirectory }: CommandContext,
): CheckReport {
  const path = resolve(workingDirectory, file)
  if (!accept) return withoutKnown(report, parseKnown(file, readKnown(path, file)), isWhole)
  if (!isWhole) {
    throw usageError({
      code: 'accept-of-a-part',
      message: '--accept writes down what a whole check finds; this one looks at a part',
      hint: `Run it without --since, --staged and a single file: kei check --known ${file} --accept.`,
    })
  }
  const known = knownFrom(report)
  const count = `${known.findings.length} ${known.findings.length === 1 ? 'finding' : 'findings'}`
  if (!dryRun) writeWhole(path, knownText(known))
  terminal.err.write(dryRun ? `Would accept ${count} into ${file}.\n` : `Accepted ${count} into ${file}.\n`)
  return dryRun ? report : withoutKnown(report, known, isWhole)
}

function readKnown(path: string, file: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw usageError({
      code: 'no-known-file',
      message: `--known ${file}: the file cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      hint: `Write it first: kei check --known ${file} --accept.`,
      cause: error,
    })
  }
}
