import type { OpenTransaction } from '../../findings/database.ts'
import type { ObjectLocation } from '../../findings/location.ts'

/** Where findings about a session stand: what it is, and not its process, which is another the next time. */
export function placeOfSession({ user, application }: OpenTransaction): ObjectLocation {
  return { kind: 'object', objectType: 'session', name: application === '' ? user : `${user} (${application})` }
}

/** `app (web), process 4711`. */
export function sessionText(transaction: OpenTransaction): string {
  return `${placeOfSession(transaction).name}, process ${transaction.pid}`
}

/** How to see what a session does and to end it. */
export function endSessionStep({ pid }: OpenTransaction): string {
  return (
    `See what it does, and end it if nobody waits for it:\n` +
    `SELECT state, query FROM pg_stat_activity WHERE pid = ${pid};\n` +
    `SELECT pg_terminate_backend(${pid});`
  )
}
