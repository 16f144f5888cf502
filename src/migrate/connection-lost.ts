import { setTimeout as delay } from 'node:timers/promises'
import { failure } from '../errors.ts'
import type { KeiError } from '../errors.ts'
import { compareVersions } from '../project/layouts/layout.ts'
import { redactText } from '../sql/redact.ts'
import { sqlStateOf } from './database-refusal.ts'
import type { Runner, Script } from './runner.ts'
import { numbered } from './server-refusal.ts'
import type { Step } from './step.ts'

/** Milliseconds for which a lost server is looked for again. */
const lookFor = 5000
const lookEvery = 250

/**
 * The error for a connection that was lost while a step was on its way. Its COMMIT had been sent, so only the history
 * says whether it was carried out; it is read once the lost session's process has ended.
 */
export async function connectionLost(runner: Runner, script: Script, step: Step, cause: Error): Promise<KeiError> {
  const outcome = await readOutcome(runner, script, step)
  const told = {
    committed: 'It was committed all the same.',
    'not-committed': 'Nothing of it was kept.',
    unknown: 'Whether it was committed shows in the history: it is there whole, or not at all.',
  }[outcome]
  return failure({
    code: 'connection-lost',
    message: `${script.text.file}: the connection was lost in the transaction of ${numbered(step)} (${redactText(cause.message)}). ${told}`,
    hint: `${remedy(cause)}Run \`kei migrate ${script.direction}\` again: it goes on from where the history ends.`,
    cause,
  })
}

/** Where a limit of the server's ended the session, it would again. */
function remedy(cause: Error): string {
  const limits: Record<string, string> = {
    '25P03': 'idle_in_transaction_session_timeout',
    '25P04': 'transaction_timeout',
  }
  const limit = limits[sqlStateOf(cause) ?? '']
  return limit === undefined ? '' : `Begin the file with \`SET LOCAL ${limit} = 0;\`. `
}

type Outcome = 'committed' | 'not-committed' | 'unknown'

async function readOutcome({ request, work, lease, history }: Runner, script: Script, step: Step): Promise<Outcome> {
  const deadline = performance.now() + lookFor
  while (performance.now() < deadline) {
    const session = await request.connect().catch(() => undefined)
    try {
      if (session !== undefined && !(await isRunning(session.client, work.pid))) {
        const rows = await history.read(session.client)
        const found = rows.some(
          (row) =>
            row.token === lease.token &&
            row.event === 'ran' &&
            row.direction === script.direction &&
            row.last === step.last &&
            compareVersions(row.version, script.migration.version) === 0,
        )
        return found ? 'committed' : work.pooled ? 'unknown' : 'not-committed'
      }
    } catch {
      // It is looked for again.
    } finally {
      await session?.client.end().catch(() => undefined)
    }
    await delay(lookEvery)
  }
  return 'unknown'
}

/** Whether a server process is there still, with what the lost session sent it. */
async function isRunning(client: Runner['control']['client'], pid: number): Promise<boolean> {
  const { rowCount } = await client.query('SELECT FROM pg_catalog.pg_stat_activity WHERE pid = $1', [pid])
  return rowCount !== 0
}
