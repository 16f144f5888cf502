import type { Client } from 'pg'
import { usageError } from '../../errors.ts'

/** Which server a session is with. */
export interface Server {
  /** As `SHOW server_version` says, for example `17.10`. */
  version: string
  major: number
  /** Address and port that the server itself sees; undefined over a unix socket. */
  address?: string
  port?: number
  database: string
  user: string
  role: 'primary' | 'standby'
  /** Whether the session cannot write: a standby, or default_transaction_read_only. */
  readOnly: boolean
  /** Same on a primary and its standbys, different for any other cluster; undefined without the right to see it. */
  systemIdentifier?: string
}

/**
 * Asks the server who it is, in queries of their own that leave nothing behind in the session.
 * @throws KeiError `server-too-old`, and the driver's errors
 */
export async function identifyServer(client: Client): Promise<Server> {
  const version = await client.query<{ number: number; text: string }>(
    `SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS number,
            pg_catalog.current_setting('server_version') AS text`,
  )
  const { number = 0, text = '' } = version.rows[0] ?? {}
  refuseOldServer(number, text)
  const { rows } = await client.query<{
    address: string | null
    port: number | null
    database: string
    user: string
    recovery: boolean
    read_only: boolean
  }>(
    `SELECT pg_catalog.host(pg_catalog.inet_server_addr()) AS address, pg_catalog.inet_server_port() AS port,
            pg_catalog.current_database() AS database, current_user AS user,
            pg_catalog.pg_is_in_recovery() AS recovery,
            pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool AS read_only`,
  )
  const { address = null, port = null, database = '', user = '', recovery, read_only: readOnly } = rows[0] ?? {}
  const systemIdentifier = await readSystemIdentifier(client)
  return {
    version: text.split(' ')[0] ?? text,
    major: Math.floor(number / 10_000),
    ...(address !== null && { address }),
    ...(port !== null && { port }),
    database,
    user,
    role: recovery === true ? 'standby' : 'primary',
    readOnly: readOnly === true,
    ...(systemIdentifier !== undefined && { systemIdentifier }),
  }
}

async function readSystemIdentifier(client: Client): Promise<string | undefined> {
  try {
    const { rows } = await client.query<{ identifier: string }>(
      'SELECT system_identifier::pg_catalog.text AS identifier FROM pg_catalog.pg_control_system()',
    )
    return rows[0]?.identifier
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === '42501') return undefined
    throw error
  }
}

const oldestMajor = 15

/**
 * The last day of each major that kei refuses, by the number that server_version_num begins with.
 * Source: https://www.postgresql.org/support/versioning/
 */
const endsOfLife: Readonly<Record<string, string>> = {
  '14': '12 November 2026',
  '13': '13 November 2025',
  '12': '21 November 2024',
  '11': '9 November 2023',
  '10': '10 November 2022',
  '9.6': '11 November 2021',
  '9.5': '11 February 2021',
  '9.4': '13 February 2020',
  '9.3': '8 November 2018',
  '9.2': '9 November 2017',
}

/**
 * @param number as `SHOW server_version_num` says: 170010, or 90624 before version 10.
 * @throws KeiError `server-too-old` for a server older than 15: exit 2, since another try will not help.
 */
export function refuseOldServer(number: number, version: string): void {
  const major = Math.floor(number / 10_000)
  if (major >= oldestMajor) return
  const series = major >= 10 ? String(major) : `${major}.${Math.floor(number / 100) % 100}`
  const end = endsOfLife[series]
  throw usageError({
    code: 'server-too-old',
    message: `The server is PostgreSQL ${version.split(' ')[0]}; support for ${series} ended ${
      end === undefined ? 'long ago' : `on ${end}`
    }.`,
    hint: `kei needs PostgreSQL ${oldestMajor} or newer. Upgrade the server: https://www.postgresql.org/docs/current/upgrading.html`,
  })
}
