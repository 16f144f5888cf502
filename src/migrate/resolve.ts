import type { Client } from 'pg'
import { failure } from '../errors.ts'
import type { KeiError } from '../errors.ts'
import { redactSql } from '../sql/redact.ts'
import { canonicalVersion } from './fold.ts'
import type { Intent, VersionState } from './history.ts'
import type { Direction } from './migration.ts'
import { checkReason, migrationOfVersion, record } from './record.ts'
import type { RunRequest } from './run-request.ts'
import { parseMigration } from './steps.ts'

export interface ResolveRequest extends RunRequest {
  version: string
  /** 1-based, in the file. */
  statement: number
  /** `done`: it had its whole effect. `redo`: nothing of it is left, and it is to run again. */
  outcome: 'done' | 'redo'
  reason: string
}

export interface Resolved {
  version: string
  name: string
  direction: Direction
  statement: number
  outcome: 'done' | 'redo'
}

/**
 * Writes down what became of a statement that commits by itself (CALL, DO) and whose run was cut off: the one case that
 * the catalog cannot decide. A person has looked, and says so with a reason.
 * @throws KeiError `version-not-found`, `reason-missing`, `nothing-to-resolve`, `resolve-not-needed`,
 * `session-still-connected`, those of `parseMigration` and of `record`
 */
export async function resolveStatement(request: ResolveRequest): Promise<Resolved> {
  const migration = migrationOfVersion(request.migrations, request.version)
  const reason = checkReason(request.reason)
  const { version, name } = migration
  const { statement, outcome } = request
  return record(request, 'migrate resolve', async ({ rows, states, client }) => {
    const open = states.get(canonicalVersion(version))?.open
    if (open?.number !== statement) throw nothingToResolve(version, statement, open)
    if (!mayCommit(open.intent)) throw resolveNotNeeded(version, open)
    if (await isConnected(client, open.intent)) throw stillConnected(version, open)
    const { direction } = open
    const text = direction === 'up' ? migration.up : migration.down
    if (text === undefined) throw downFileMissing(version, name)
    const complete = outcome === 'done' && (await parseMigration(text)).length === statement
    return {
      rows: [
        {
          event: outcome === 'done' ? 'ran' : 'withdrawn',
          direction,
          version,
          name,
          first: statement,
          last: statement,
          // Of the statement as it was sent: the file may be another by now.
          hashes: rows.find(({ id }) => id === open.id)?.hashes ?? [],
          complete,
          checksum: text.checksum,
          milliseconds: 0,
          reason,
          ...(complete && { text: redactSql(text.text) }),
        },
      ],
      result: { version, name, direction, statement, outcome },
    }
  })
}

function mayCommit({ before }: Intent): boolean {
  return typeof before === 'object' && before !== null && 'kind' in before && before.kind === 'may-commit'
}

/** Another role's `backend_start` is hidden from a role without pg_read_all_stats: it is then taken to be that session. */
async function isConnected(client: Client, { pid, backendStart }: Intent): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM pg_catalog.pg_stat_activity
     WHERE pid = $1
       AND COALESCE(pg_catalog.to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') = $2, true)`,
    [pid, backendStart],
  )
  return rowCount !== 0
}

type Open = NonNullable<VersionState['open']>

function nothingToResolve(version: string, statement: number, open: Open | undefined): KeiError {
  return failure({
    code: 'nothing-to-resolve',
    message: `The outcome of ${version}:${statement} is not in doubt.`,
    hint:
      open === undefined
        ? '`kei migrate status` shows where each version stands.'
        : `That of statement ${open.number} is: \`kei migrate resolve ${version}:${open.number} …\`.`,
  })
}

function resolveNotNeeded(version: string, { number }: Open): KeiError {
  return failure({
    code: 'resolve-not-needed',
    message: `The catalog shows what became of ${version}:${number}.`,
    hint: 'Run `kei migrate up`: it looks, and goes on from there.',
  })
}

function stillConnected(version: string, { number, intent }: Open): KeiError {
  return failure({
    code: 'session-still-connected',
    message: `The session that runs ${version}:${number} is still connected (pid ${intent.pid}): its outcome is to come.`,
    hint: `Wait until it has ended, or end it: SELECT pg_terminate_backend(${intent.pid});`,
  })
}

function downFileMissing(version: string, name: string): KeiError {
  return failure({
    code: 'missing-migration',
    message: `${version}_${name}.down.sql is not there, but it was being run.`,
    hint: 'Bring the file back.',
  })
}
