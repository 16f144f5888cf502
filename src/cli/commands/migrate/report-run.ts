import { formatDuration } from '../../../config/duration.ts'
import { KeiError } from '../../../errors.ts'
import type { MigrationEvent, OnMigrationEvent } from '../../../migrate/event.ts'
import type { RunResult } from '../../../migrate/up.ts'
import { redactText } from '../../../sql/redact.ts'
import { printable } from '../../../sql/printable.ts'
import type { CommandContext } from '../../command.ts'
import { startProgress } from '../../terminal/progress.ts'
import { eventLines, progressText } from './event-text.ts'
import type { Options } from './options.ts'

/** Prints a run while it goes on, and its result. */
export interface RunReport {
  onEvent: OnMigrationEvent
  end(result: RunResult, run: { dryRun: boolean; place: string }): void
  /** To be called before the error goes on: machines get it as a document, too. */
  failed(error: unknown): void
}

/** For people: what happened on stdout, what is in the way on stderr. For machines: `--json`, or `--jsonl` line by line. */
export function reportRun(options: Options, { terminal }: CommandContext): RunReport {
  const { out, err } = terminal
  const form = options['jsonl'] === true ? 'jsonl' : options['json'] === true ? 'json' : 'text'
  const progress = startProgress(err)
  const headed = headings()

  function onEvent(event: MigrationEvent): void {
    if (form === 'jsonl') out.write(`${JSON.stringify({ version: 1, ...described(event) })}\n`)
    const text = progressText(event)
    if (text !== undefined) progress.say(text)
    if (form !== 'text') return
    const heading = headed(event)
    const lines = event.event === 'migration' ? [] : eventLines(event)
    if (heading === undefined && lines.length === 0) return
    progress.clear()
    if (heading !== undefined) out.write(`${heading}\n`)
    const output = event.event === 'step' ? out : err
    if (lines.length > 0) output.write(`${lines.join('\n')}\n`)
  }

  return {
    onEvent,
    end(result, { dryRun, place }) {
      progress.end()
      const document = { version: 1, ...result, dryRun }
      if (form === 'jsonl') out.write(`${JSON.stringify({ event: 'result', ...document })}\n`)
      else if (form === 'json') out.write(`${JSON.stringify(document, null, 2)}\n`)
      else out.write(`${summaryLines(result, dryRun, place).map(printable).join('\n')}\n`)
    },
    failed(error) {
      progress.end()
      if (form === 'text' || !(error instanceof KeiError)) return
      const { code, message, hint, exitCode } = error
      const described = { code, message: redactText(message), ...(hint !== undefined && { hint }), exitCode }
      const document = { version: 1, error: described }
      if (form === 'jsonl') out.write(`${JSON.stringify({ event: 'error', ...document })}\n`)
      else out.write(`${JSON.stringify(document, null, 2)}\n`)
    },
  }
}

/**
 * Tells when a file's name is to be printed: as it begins, unless the steps of an earlier one, which are kept back until
 * they are on the disk, are still to be told; then above the first line about it.
 */
function headings(): (event: MigrationEvent) => string | undefined {
  const names = new Map<string, string>()
  const open = new Set<string>()
  let printed: string | undefined
  const print = (version: string): string | undefined => {
    const name = printed === version ? undefined : names.get(version)
    if (name !== undefined) printed = version
    return name
  }
  return (event) => {
    switch (event.event) {
      case 'migration': {
        names.set(event.version, eventLines(event).join('\n'))
        const isNext = open.size === 0
        open.add(event.version)
        return isNext ? print(event.version) : undefined
      }
      case 'done': {
        open.delete(event.version)
        const [next] = open
        return next === undefined ? undefined : print(next)
      }
      case 'blocked':
      case 'retry':
      case 'recovering':
      case 'step':
        return print(event.version)
      default:
        return undefined
    }
  }
}

/** An event's `version` is a migration's; in the documents that name is the document's own. */
function described(event: MigrationEvent): object {
  if (!('version' in event)) return event
  const { version, ...rest } = event
  return { migration: version, ...rest }
}

function summaryLines({ applied, direction }: RunResult, dryRun: boolean, place: string): string[] {
  const isUp = direction === 'up'
  if (applied.length === 0) return [`${isUp ? 'Nothing is pending' : 'Nothing to take back'} ${place}.`]
  const count = applied.length === 1 ? '1 migration' : `${applied.length} migrations`
  if (dryRun) {
    const names = applied.map(({ version, name }) => `${version}_${name}`)
    return [...names, `${isUp ? 'Would apply' : 'Would take back'} ${count} ${place}; nothing was written.`]
  }
  const time = formatDuration(applied.reduce((sum, { milliseconds }) => sum + milliseconds, 0))
  return [`${isUp ? 'Applied' : 'Took back'} ${count} in ${time} ${place}.`]
}
