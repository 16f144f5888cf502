import { escapeIdentifier } from 'pg'
import { connectionError, failure } from '../errors.ts'
import type { KeiError } from '../errors.ts'

/** SQLSTATE of an error that PostgreSQL or the driver reported; undefined of any other. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  return /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined
}

/** What a role needs in kei's schema: `read` for `status`, `write` to migrate. */
export type Access = 'read' | 'write'

/** The error for a role that may not use kei's tables; its hint is what their owner is to run. */
export function accessRefusal(schema: string, role: string, access: Access, cause?: unknown): KeiError {
  const [place, grantee] = [escapeIdentifier(schema), escapeIdentifier(role)]
  const grants =
    access === 'read'
      ? [`GRANT SELECT ON ALL TABLES IN SCHEMA ${place} TO ${grantee};`]
      : [
          `GRANT SELECT, INSERT ON ${place}.history TO ${grantee};`,
          `GRANT SELECT, UPDATE ON ${place}.fence, ${place}.lease TO ${grantee};`,
        ]
  return failure({
    code: 'history-not-permitted',
    message: `The role ${JSON.stringify(role)} may not ${access} kei's tables in the schema ${JSON.stringify(schema)}.`,
    hint: `Their owner runs: GRANT USAGE ON SCHEMA ${place} TO ${grantee}; ${grants.join(' ')}`,
    cause,
  })
}

/** The error for a role that may not create kei's tables. */
export function creationRefusal(
  schema: string,
  who: { role: string; database: string },
  schemaExists: boolean,
  cause?: unknown,
): KeiError {
  const [place, grantee] = [escapeIdentifier(schema), escapeIdentifier(who.role)]
  const missing = schemaExists
    ? `create tables in the schema ${JSON.stringify(schema)}`
    : `create the schema ${JSON.stringify(schema)} in the database ${JSON.stringify(who.database)}`
  return failure({
    code: 'history-not-permitted',
    message: `The role ${JSON.stringify(who.role)} may not ${missing}, where kei keeps its history.`,
    hint: schemaExists
      ? `The schema's owner runs: GRANT USAGE, CREATE ON SCHEMA ${place} TO ${grantee}; GRANT USAGE ON SCHEMA ${place} TO PUBLIC;`
      : `The database's owner runs: GRANT CREATE ON DATABASE ${escapeIdentifier(who.database)} TO ${grantee};`,
    cause,
  })
}

/** The error for a server, or a session, that takes no writes. */
export function readOnlyRefusal(role: 'primary' | 'standby' | 'unknown', cause?: unknown): KeiError {
  const what = {
    standby: 'The server is a standby',
    primary: 'The session is read-only',
    unknown: 'Nothing can be written',
  }
  return connectionError({
    code: 'read-only-server',
    message: `${what[role]}: kei cannot migrate through it.`,
    hint:
      role === 'primary'
        ? 'The role or the database has default_transaction_read_only on: connect as another role, or turn it off.'
        : 'Connect to the primary: name all servers (host=one,two) and set target_session_attrs=read-write.',
    cause,
  })
}
