import { formatDuration } from '../../../config/duration.ts'
import type { Blocker, HeldLock, MigrationEvent, StatementProgress } from '../../../migrate/event.ts'
import { printable } from '../../../sql/printable.ts'

/** How many locks of a step, and how many sessions in the way, are named before the rest is a count. */
const shown = 4

/** The lines that people read of an event; none where it only moves the line of progress. */
export function eventLines(event: MigrationEvent): string[] {
  switch (event.event) {
    case 'waiting':
      return [`Waiting for ${printable(event.holder)}, who migrates this database since ${event.since}`]
    case 'migration':
      return [`${event.direction === 'up' ? '' : 'back: '}${printable(event.file)}`]
    case 'recovering':
      return [`  statement ${event.statement}: ${printable(event.message)}`]
    case 'blocked':
      return blockerLines(event.blockers, `attempt ${event.attempt} finds in the way`)
    case 'retry':
      return [
        `  attempt ${event.attempt} gave up (${reasonOf(event.sqlstate)}); nothing of it is left; again in ` +
          formatDuration(event.wait),
        ...blockerLines(event.blockers, 'it waited for'),
      ]
    case 'step':
      return [
        `  ${statementsText(event.first, event.last)}  ${formatDuration(event.milliseconds)}${locksText(event.locks)}`,
      ]
    case 'notice':
      return [`note: ${printable(event.message)}`]
    case 'started':
    case 'progress':
    case 'done':
      return []
  }
}

/** What the line of progress says; undefined where the event says nothing about it. */
export function progressText(event: MigrationEvent): string | undefined {
  switch (event.event) {
    case 'migration':
      return event.file
    case 'progress':
      return `statement ${event.statement}: ${statementProgressText(event.progress)}`
    case 'retry':
      return `attempt ${event.attempt + 1} in ${formatDuration(event.wait)}`
    default:
      return undefined
  }
}

/** `building index: scanning table, 42 %, about 3 min left`. */
export function statementProgressText({ phase, percent, secondsLeft, waitingFor }: StatementProgress): string {
  const parts = [phase]
  if (percent !== undefined) parts.push(`${Math.floor(percent)} %`)
  if (secondsLeft !== undefined) parts.push(`about ${formatDuration(Math.max(1, Math.round(secondsLeft)) * 1000)} left`)
  const [first] = waitingFor ?? []
  if (first !== undefined) {
    const more = (waitingFor?.length ?? 1) - 1
    parts.push(`waits for ${blockerText(first)}${more > 0 ? ` and ${more} more` : ''}`)
  }
  return printable(parts.join(', '))
}

/** One session in the way, in one line. */
export function blockerText({ pid, user, application, query, state, age }: Blocker): string {
  const who = [`pid ${pid}`, user, application].filter((part) => part !== '').join(', ')
  const doing = query === '' ? state : `${state}: ${query.replace(/\s+/g, ' ').trim()}`
  return printable(`${who}, for ${formatDuration(Math.max(1, age * 1000))}, ${doing}`)
}

function blockerLines(blockers: readonly Blocker[], says: string): string[] {
  if (blockers.length === 0) return []
  const rest = blockers.length - shown
  return [
    `  ${says}:`,
    ...blockers.slice(0, shown).map((blocker) => `    ${blockerText(blocker)}`),
    ...(rest > 0 ? [`    and ${rest} more`] : []),
  ]
}

function reasonOf(sqlstate: string): string {
  switch (sqlstate) {
    case '55P03':
      return 'a lock was not to be had in time'
    case '40P01':
      return 'deadlock'
    case '40001':
      return 'serialization failure'
    default:
      return sqlstate
  }
}

function statementsText(first: number, last: number): string {
  return first === last ? `statement ${first}` : `statements ${first} to ${last}, one transaction`
}

function locksText(locks: readonly HeldLock[]): string {
  if (locks.length === 0) return ''
  const longest = locks.toSorted((a, b) => b.milliseconds - a.milliseconds)
  const named = longest
    .slice(0, shown)
    .map(({ relation, mode, milliseconds }) => `${relation} ${mode} ${formatDuration(milliseconds)}`)
  const rest = longest.length - shown
  return `  (locked: ${printable(named.join(', '))}${rest > 0 ? ` and ${rest} more` : ''})`
}
