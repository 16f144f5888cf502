import type { WorkSession } from '../work-session.ts'

/** What is set in the session while a statement runs outside a transaction, where SET LOCAL has no effect. */
export interface OutsideSettings {
  /** Milliseconds; 0 for none. */
  lockTimeout: number
  /** Taken where the session has not set a role itself. */
  role: string | undefined
}

/**
 * Runs `work` with these settings and no other time limit, and gives the session its own back, also those that the file
 * itself had set. Only on a direct connection.
 */
export async function withSessionSettings<T>(
  { client, server }: WorkSession,
  { lockTimeout, role }: OutsideSettings,
  work: () => Promise<T>,
): Promise<T> {
  const names = ['lock_timeout', 'statement_timeout', 'role', ...(server.major >= 17 ? ['transaction_timeout'] : [])]
  const { rows } = await client.query<Record<string, string>>(
    `SELECT ${names.map((name) => `pg_catalog.current_setting('${name}') AS ${name}`).join(', ')}`,
  )
  const own = rows[0] ?? {}
  const set = (values: Readonly<Record<string, string | undefined>>) =>
    client.query(
      `SELECT ${names.map((name, at) => `pg_catalog.set_config('${name}', $${at + 1}, false)`).join(', ')}`,
      names.map((name) => values[name] ?? own[name]),
    )
  await set({
    lock_timeout: String(lockTimeout),
    statement_timeout: '0',
    transaction_timeout: '0',
    ...(own['role'] === 'none' && { role }),
  })
  let result: T
  try {
    result = await work()
  } catch (error) {
    // The first error tells more; a session that was lost has nothing to give back.
    await set(own).catch(() => undefined)
    throw error
  }
  await set(own)
  return result
}
