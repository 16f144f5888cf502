import { escapeIdentifier } from 'pg'
import type { Client, DatabaseError } from 'pg'
import { failure } from '../errors.ts'
import type { KeiError } from '../errors.ts'
import { redactText } from '../sql/redact.ts'
import type { Statement } from '../sql/statement.ts'
import { isAnswer } from './answer.ts'
import { cancelOnStop, pause, throwIfStopped } from './interruption.ts'
import { leaseLost } from './lease.ts'
import { sendPipeline } from './pipeline.ts'
import type { Sent } from './pipeline.ts'
import { failureAt } from './place.ts'
import { longestIdle } from '../postgres/read-only.ts'
import { isWorthRetrying, waitAfter } from './retry.ts'
import type { PreparedScript } from './run-script.ts'
import { setLocal } from './run-transaction.ts'
import type { TransactionOptions } from './run-transaction.ts'
import type { Runner, Script } from './runner.ts'
import { statementRefusal, waitRefusal } from './server-refusal.ts'
import type { Step } from './step.ts'

/** A table that a file drops or empties, or a column that it drops. Quoted as PostgreSQL prints them. */
interface Loss {
  relation: string
  column?: string
}

/** A file to be rehearsed, without the first statements, which were done before. */
export interface RehearsedScript {
  prepared: PreparedScript
  done: number
}

type Guards = NonNullable<TransactionOptions['guards']>

/**
 * Runs down files in one transaction that is rolled back, and so learns from the server itself what they drop, whatever
 * way they do it: by name, by CASCADE, with a schema or a type, in a DO block. Then looks whether that holds rows.
 * Statements outside transactions are left out; of those only DROP DATABASE drops rows.
 *
 * The locks are taken as in the run itself, with its lock timeout and its retries.
 *
 * @returns for each file what its first transaction is to look at again under lock, since rows may have come meanwhile
 * @throws KeiError `data-loss`; `data-loss-unknown`; `not-rehearsed` where a statement failed and that may be because others were left out;
 * else those of `runTransaction`
 */
export async function rehearse(
  runner: Runner,
  scripts: readonly RehearsedScript[],
): Promise<Map<PreparedScript, Guards>> {
  for (const script of scripts) refuseDropDatabase(script)
  const { settings } = runner.request
  const began = performance.now()
  for (let attempt = 1; ; attempt++) {
    throwIfStopped(runner)
    const outcome = await tryOnce(runner, scripts)
    if ('losses' in outcome) {
      const guards = new Map<PreparedScript, Guards>()
      for (const [script, losses] of outcome.losses)
        if (losses.length > 0) guards.set(script, guardsFor(script, losses))
      return guards
    }
    const { script, step, error } = outcome
    const wait = waitAfter(attempt, settings.lockTimeout, Math.random())
    if (performance.now() - began + wait > settings.retryFor)
      throw waitRefusal(script, step, error, { attempts: attempt, blockers: [], retryFor: settings.retryFor })
    await pause(runner, wait)
  }
}

type Part =
  | { kind: 'own' | 'proof' | 'snapshot'; sent: Sent }
  | { kind: 'statement'; sent: Sent; prepared: PreparedScript; step: Step; statement: Statement }

type Outcome = { losses: [PreparedScript, Loss[]][] } | { script: Script; step: Step; error: DatabaseError }

async function tryOnce(runner: Runner, scripts: readonly RehearsedScript[]): Promise<Outcome> {
  const { client } = runner.work
  const parts = rehearsal(runner, scripts)
  try {
    const end = await cancelOnStop(runner, () =>
      sendPipeline(
        client,
        parts.map(({ sent }) => sent),
      ),
    )
    throwIfStopped(runner)
    if (end.kind === 'lost') throw connectionLost(end.error)
    if (end.kind === 'refused') {
      const part = parts[end.at]
      if (part?.kind === 'proof' && end.error.code === '22012') throw leaseLost()
      if (part?.kind !== 'statement') throw end.error
      if (isWorthRetrying(end.error.code)) return { script: part.prepared.script, step: part.step, error: end.error }
      throw refusal(part, end.error)
    }
    const snapshots = parts.flatMap((part, index) =>
      part.kind === 'snapshot' ? [snapshotOf(end.answers[index]?.rows[0]?.['tables'])] : [],
    )
    const losses = scripts.map(({ prepared }, index): [PreparedScript, Loss[]] => [
      prepared,
      lossesBetween(snapshots[index] ?? new Map(), snapshots[index + 1] ?? new Map()),
    ])
    await refuseLosses(client, lossesBetween(snapshots[0] ?? new Map(), snapshots.at(-1) ?? new Map()), scripts)
    return { losses }
  } finally {
    await client.query('ROLLBACK').catch(() => undefined)
  }
}

function rehearsal({ request, lease }: Runner, scripts: readonly RehearsedScript[]): Part[] {
  const { role, lockTimeout } = request.settings
  const parts: Part[] = [
    { kind: 'own', sent: { text: 'BEGIN' } },
    // Rows that a policy hides from the role are rows all the same: then the server refuses to look.
    {
      kind: 'own',
      sent: setLocal([
        ['lock_timeout', `${lockTimeout}ms`],
        ['row_security', 'off'],
        ['idle_in_transaction_session_timeout', longestIdle],
      ]),
    },
    { kind: 'proof', sent: lease.proof },
  ]
  if (role !== undefined) parts.push({ kind: 'own', sent: { text: `SET LOCAL ROLE ${escapeIdentifier(role)}` } })
  parts.push({ kind: 'own', sent: { text: 'SAVEPOINT kei_rehearsal' } }, { kind: 'snapshot', sent: snapshot })
  for (const { prepared, done } of scripts) {
    for (const step of prepared.steps) {
      // One that may commit is tried here, too: where it does, PostgreSQL refuses that.
      if (step.kind === 'outside') continue
      for (const statement of step.statements) {
        if (statement.index >= done)
          parts.push({ kind: 'statement', sent: { text: statement.text }, prepared, step, statement })
      }
    }
    parts.push({ kind: 'snapshot', sent: snapshot })
  }
  // What was there is seen again, and its locks are gone.
  parts.push({ kind: 'own', sent: { text: 'ROLLBACK TO SAVEPOINT kei_rehearsal' } })
  return parts
}

/**
 * Every table of the user's, whether it has pages, and its columns that hold values of their own. A foreign table's rows
 * are elsewhere, and stay.
 */
const snapshot: Sent = {
  text: `SELECT (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(c.oid::pg_catalog.text, pg_catalog.format('%I.%I', n.nspname, c.relname),
      pg_catalog.pg_relation_size(c.oid) > '0'::pg_catalog.int8,
      (SELECT pg_catalog.json_object_agg(a.attnum, pg_catalog.quote_ident(a.attname)) FROM pg_catalog.pg_attribute AS a
       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')))
   FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
   WHERE c.relkind = 'r' AND c.oid >= '16384'::pg_catalog.oid) AS tables`,
  rows: true,
}

interface Table {
  name: string
  hasPages: boolean
  /** By number; a name can come back with another column. */
  columns: Record<string, string>
}

type Snapshot = ReadonlyMap<string, Table>

type RawTable = [oid: string, name: string, hasPages: boolean | null, columns: Record<string, string> | null]

function snapshotOf(tables: unknown): Snapshot {
  return new Map(
    ((tables ?? []) as RawTable[]).map(([oid, name, hasPages, columns]) => [
      oid,
      { name, hasPages: hasPages === true, columns: columns ?? {} },
    ]),
  )
}

/** What the first has and the second has not. A table that lost its pages was emptied. */
function lossesBetween(before: Snapshot, after: Snapshot): Loss[] {
  const losses: Loss[] = []
  for (const [oid, table] of before) {
    const now = after.get(oid)
    if (now === undefined || (table.hasPages && !now.hasPages)) losses.push({ relation: table.name })
    else {
      for (const [number, column] of Object.entries(table.columns))
        if (!(number in now.columns)) losses.push({ relation: table.name, column })
    }
  }
  return losses
}

async function refuseLosses(
  client: Client,
  losses: readonly Loss[],
  scripts: readonly RehearsedScript[],
): Promise<void> {
  const files = scripts.map(({ prepared }) => prepared.script.text.file).join(', ')
  const filled: Loss[] = []
  for (const loss of losses) {
    try {
      const { rows } = await client.query<{ holds: boolean }>(`SELECT ${holdsRows(loss)} AS holds`)
      if (rows[0]?.holds === true) filled.push(loss)
    } catch (error) {
      throw isAnswer(error) ? dataLossUnknown(files, error) : error
    }
  }
  if (filled.length > 0) throw dataLoss(files, filled)
}

/** ONLY: each partition is a table of its own. A composite value with one NULL field is not IS NOT NULL. */
function holdsRows({ relation, column }: Loss): string {
  const where = column === undefined ? '' : ` WHERE pg_catalog.num_nonnulls(${column}) = 1`
  return `EXISTS (SELECT FROM ONLY ${relation}${where})`
}

function refuseDropDatabase({ prepared: { script, statements }, done }: RehearsedScript): void {
  const drop = statements.find(({ tag, index }) => tag === 'DropdbStmt' && index >= done)
  if (drop === undefined) return
  throw failureAt(script.text, drop, {
    code: 'data-loss',
    message: 'all that the database holds would be lost',
    hint: `Nothing was changed. ${acceptHint}`,
  })
}

/** Locks what the file drops, and fails by a division by zero when it holds rows by then. */
function guardsFor({ script }: PreparedScript, losses: readonly Loss[]): Guards {
  const relations = [...new Set(losses.map(({ relation }) => relation))]
  return {
    sent: [
      { text: `LOCK TABLE ${relations.map((relation) => `ONLY ${relation}`).join(', ')} IN ACCESS EXCLUSIVE MODE` },
      { text: `SELECT 1 / CASE WHEN ${losses.map(holdsRows).join(' OR ')} THEN 0 ELSE 1 END` },
    ],
    refusal: (error) =>
      error.code === '22012' ? dataLoss(script.text.file, losses) : dataLossUnknown(script.text.file, error),
  }
}

const acceptHint = 'Give --accept-data-loss when the rows are not needed any more, or are kept elsewhere.'

/** Losses that are named before the rest is only counted. */
const mostNamed = 10

function dataLoss(files: string, losses: readonly Loss[]): KeiError {
  const lines = losses
    .slice(0, mostNamed)
    .map(
      ({ relation, column }) =>
        `\n  ${column === undefined ? `the table ${relation}` : `the column ${column} of ${relation}`}`,
    )
  const more = losses.length > mostNamed ? `\n  and ${losses.length - mostNamed} more` : ''
  return failure({
    code: 'data-loss',
    message: `${files}: rows would be lost with${lines.join('')}${more}`,
    hint: `Nothing was changed. ${acceptHint}`,
  })
}

function dataLossUnknown(files: string, cause: DatabaseError): KeiError {
  return failure({
    code: 'data-loss-unknown',
    message: `${files}: whether what would be dropped holds rows cannot be seen: ${redactText(cause.message)}`,
    hint: `Nothing was changed. ${acceptHint}`,
    cause,
  })
}

function connectionLost(cause: Error): KeiError {
  return failure({
    code: 'connection-lost',
    message: `The connection was lost in the rehearsal: ${cause.message}`,
    hint: 'Nothing was changed. Run `kei migrate down` again.',
    cause,
  })
}

function refusal({ prepared, step, statement }: Extract<Part, { kind: 'statement' }>, error: DatabaseError): KeiError {
  const { script, steps } = prepared
  const refused = statementRefusal(script, step, statement, error)
  // The one transaction of the file has been tried as it would run.
  if (steps.length === 1 && step.kind === 'transaction') return refused
  return failure({
    code: 'not-rehearsed',
    message: `${refused.message}\n  This was a rehearsal in one transaction, which cannot show what the file drops.`,
    hint: `Nothing was changed. ${acceptHint}`,
    cause: error,
  })
}
