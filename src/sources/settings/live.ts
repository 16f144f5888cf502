import type { ClientBase } from 'pg'
import type { ServerSetting, ServerSettings, SettingsFault } from '../../findings/server-settings.ts'
import { redactText } from '../../sql/redact.ts'

/** Parameters whose text may hold a secret as a whole: what is kept says only that there is one. */
const secret = new Set(['primary_conninfo', 'ssl_passphrase_command'])

interface SettingRow {
  name: string
  setting: string
  source: string
  sourcefile: string | null
  sourceline: number | null
  pending_restart: boolean
}

/**
 * The settings of a running server, as a new session of this role would have them. Those of extensions and of
 * applications, whose names have a dot, are left out: no rule knows them, and some hold secrets. Reads only.
 */
export async function readSettings(client: ClientBase): Promise<ServerSettings> {
  // reset_val: kei itself sets timeouts in this transaction.
  const { rows } = await client.query<SettingRow>(
    `SELECT name, coalesce(reset_val, '') AS setting, source, sourcefile, sourceline, pending_restart
     FROM pg_catalog.pg_settings WHERE pg_catalog.strpos(name, '.') = 0`,
  )
  return {
    from: 'server',
    settings: new Map(rows.map((row) => [row.name.toLowerCase(), settingOf(row)])),
    overridden: [],
    faults: await readFaults(client),
    unread: [],
    ownValues: await readOwnValues(client),
  }
}

function settingOf({ name, setting, source, sourcefile, sourceline, pending_restart }: SettingRow): ServerSetting {
  const place = sourcefile === null ? source : `${sourcefile}:${sourceline}`
  const isOwn = source === 'default' || source === 'session' || source === 'client'
  return {
    name,
    value: secret.has(name) && setting !== '' ? '***' : redactText(setting),
    at: { kind: 'setting', name },
    facts: {
      ...(!isOwn && { 'set by': place }),
      ...(pending_restart && { 'another value waits for': 'a restart' }),
    },
  }
}

/** What the server refuses of its own files; nothing where this role may not ask. */
async function readFaults(client: ClientBase): Promise<SettingsFault[]> {
  const { rows: allowed } = await client.query<{ may: boolean }>(
    `SELECT pg_catalog.has_table_privilege('pg_catalog.pg_file_settings', 'SELECT')
        AND pg_catalog.has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE') AS may`,
  )
  if (allowed[0]?.may !== true) return []
  // A new value that waits for a restart is said to be refused too.
  const { rows } = await client.query<{ name: string | null; place: string; error: string }>(
    `SELECT f.name, f.sourcefile || ':' || f.sourceline AS place, f.error
     FROM pg_catalog.pg_file_settings f LEFT JOIN pg_catalog.pg_settings s
       ON pg_catalog.lower(s.name) = pg_catalog.lower(f.name)
     WHERE f.error IS NOT NULL AND f.sourcefile IS NOT NULL AND s.context IS DISTINCT FROM 'postmaster'
     ORDER BY f.seqno`,
  )
  return rows.map(({ name, place, error }) => ({
    at: { kind: 'setting', name: name ?? place },
    message: redactText(`${error}, ${place}`),
  }))
}

async function readOwnValues(client: ClientBase): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT DISTINCT pg_catalog.lower(pg_catalog.split_part(entry, '=', 1)) AS name
     FROM pg_catalog.pg_db_role_setting, pg_catalog.unnest(setconfig) AS entry`,
  )
  return new Set(rows.map(({ name }) => name))
}
