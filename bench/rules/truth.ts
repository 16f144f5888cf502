import { DatabaseError } from 'pg'
import type { Client } from 'pg'
import { runGroups, statementsOf } from './case-run.ts'
import type { RuleCase } from './case.ts'
import { changedInBulk, lostBy } from './data-lost.ts'
import { catalogQueries } from './left-in-catalog.ts'
import { blockedBy, repeatedBy, stalledBy, waitedFor } from './locks-taken.ts'
import type { Connect } from './locks-taken.ts'
import { readSnapshot } from './snapshot.ts'

/** What the server says of a case. */
export interface Truth {
  hazard: boolean
  /** What it showed, in a few words; empty when there was nothing. */
  seen: string
}

/**
 * Makes the case's database as its setup says, in `client`'s database, which is empty.
 * @throws Error when the setup does not run.
 */
export async function prepare(one: RuleCase, client: Client): Promise<void> {
  for (const statement of statementsOf(one.setup)) await client.query(statement.text)
  // Each migration begins with the settings of a new session.
  await client.query('RESET ALL; SET search_path TO "$user", public')
}

/**
 * Runs the case on its prepared database and says whether its hazard happened.
 * @throws Error when the migration does not run though the case is about something else.
 */
export async function askServer(one: RuleCase, client: Client, connect: Connect): Promise<Truth> {
  for (const statement of statementsOf(one.earlier ?? '')) await client.query(statement.text).catch(() => undefined)
  const seen = await hazardsSeen(one, client, connect)
  return { hazard: seen.length > 0, seen: [...new Set(seen)].join('; ') }
}

function hazardsSeen(one: RuleCase, client: Client, connect: Connect): Promise<string[]> {
  switch (one.kind) {
    case 'blocks':
      return blockedBy(one, client, connect)
    case 'stalls':
      return stalledBy(one, client, connect)
    case 'repeats':
      return repeatedBy(one, client, connect)
    case 'waits':
      return waitedFor(one, client, connect)
    case 'bulk':
      return changedInBulk(one, client)
    case 'loses':
      return lostBy(one, client)
    case 'fails':
      return refused(one, client)
    case 'transaction':
      return transactionWarnings(one, client)
    case 'breaks':
      return broken(one, client)
    case 'long-identifier':
      return cutShort(one, client)
    default:
      return leftBehind(one, client)
  }
}

async function refused(one: RuleCase, client: Client): Promise<string[]> {
  try {
    await runGroups(one, client)
    return []
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    await client.query('ROLLBACK')
    return [`${error.code ?? ''} ${error.message}`]
  }
}

/** Whether the file begins a transaction in one, ends one that is not its own, or leaves one open. */
async function transactionWarnings(one: RuleCase, client: Client): Promise<string[]> {
  const notices = listen(client)
  const isWrapped = one.runner === 'transaction'
  if (isWrapped) await client.query('BEGIN')
  for (const { text } of statementsOf(one.sql)) await client.query(text)
  if (isWrapped) await client.query('COMMIT')
  const warnings = notices().filter(({ code }) => code === activeTransaction || code === noActiveTransaction)
  await client.query('ROLLBACK')
  // That there was nothing to roll back is what is wanted.
  const isOpen = !notices().some(({ code }) => code === noActiveTransaction)
  return [...warnings.map(({ message }) => message), ...(isOpen ? ['a transaction is still open'] : [])]
}

async function broken(one: RuleCase, client: Client): Promise<string[]> {
  const { reads } = await readSnapshot(client)
  const uses = [...reads, ...(one.uses ?? []).map((use) => [use, use] as const)]
  for (const [name, query] of uses) {
    const problem = await problemOf(client, query)
    if (problem !== undefined) throw new Error(`${name} did not work before: ${problem}`)
  }
  await runGroups(one, client)
  const seen: string[] = []
  for (const [name, query] of uses) {
    const problem = await problemOf(client, query)
    if (problem !== undefined) seen.push(`${name}: ${problem}`)
  }
  return seen
}

/** Why a query does not run; undefined when it does. Nothing of it stays. */
async function problemOf(client: Client, query: string): Promise<string | undefined> {
  try {
    await client.query('BEGIN')
    await client.query(query)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await client.query('ROLLBACK')
  }
}

async function cutShort(one: RuleCase, client: Client): Promise<string[]> {
  const notices = listen(client)
  await runGroups(one, client)
  return notices().flatMap(({ code, message }) => (code === nameTooLong ? [message] : []))
}

const activeTransaction = '25001'
const noActiveTransaction = '25P01'
const nameTooLong = '42622'

/** Listens to a session's notices; each call gives those since the last one. Whoever listened before is cut off. */
function listen(client: Client): () => { code: string; message: string }[] {
  let heard: { code: string; message: string }[] = []
  client.removeAllListeners('notice')
  client.on('notice', ({ code = '', message = '' }) => heard.push({ code, message }))
  return () => {
    const since = heard
    heard = []
    return since
  }
}

async function leftBehind(one: RuleCase, client: Client): Promise<string[]> {
  const query = catalogQueries[one.kind] ?? ''
  const names = async () => (await client.query<{ name: string }>(query)).rows.map(({ name }) => name)
  // What an earlier attempt at this migration left counts as its own.
  const before = one.earlier === undefined ? new Set(await names()) : new Set<string>()
  await runGroups(one, client)
  return (await names()).filter((name) => !before.has(name))
}
