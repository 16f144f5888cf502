import { formatDuration } from '../../../config/duration.ts'
import type { LeaseState } from '../../../migrate/lease-view.ts'

/** Who has the lease, in lines for people; none when nobody has. */
export function leaseLines(lease: LeaseState | undefined): string[] {
  if (lease === undefined) return []
  const { holder, since, heartbeatAge, expired, session, transactions, copiedFrom, dead } = lease
  const lines = [
    `${holder} has the lease since ${since.slice(0, 19).replace('T', ' ')}; last heard of ` +
      `${formatDuration(Math.max(1, heartbeatAge * 1000))} ago${expired ? ', which is too long: it has expired' : ''}`,
  ]
  if (copiedFrom !== undefined) lines.push(`  The lease was copied with this database from ${copiedFrom}.`)
  else if (session === 'gone') lines.push('  Its session is gone.')
  if (transactions.length > 0) lines.push(`  It has a transaction open: pid ${transactions.join(', ')}.`)
  if (dead) lines.push('  The next run takes it over; `kei migrate lock --end` ends it now.')
  return lines
}
