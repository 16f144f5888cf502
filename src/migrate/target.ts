import type { PostgresMajor } from '../config/config.ts'
import { postgresMajors } from '../config/config.ts'
import type { Session } from '../postgres/connect/connect.ts'

/** What a trace has to know of the database that the migrations are meant for. */
export interface TargetSettings {
  /** Of the shadow server that stands for it. */
  major: PostgresMajor
  /** Absent for UTC. */
  timeZone?: string
  /** Absent for PostgreSQL's own. */
  searchPath?: string
}

/** Reads what a session of the target begins with. A server that kei cannot trace on is stood for by the nearest. */
export async function readTargetSettings({
  client,
  server,
}: Session): Promise<{ target: TargetSettings; notices: string[] }> {
  const { rows } = await client.query<{ zone: string; path: string }>(
    `SELECT pg_catalog.current_setting('TimeZone') AS zone, pg_catalog.current_setting('search_path') AS path`,
  )
  const { zone = 'UTC', path = '' } = rows[0] ?? {}
  const major = nearestMajor(server.major)
  const isDefault = path.replaceAll(' ', '') === '"$user",public' || path === ''
  return {
    target: {
      major,
      ...(!utcNames.has(zone) && zoneName.test(zone) && { timeZone: zone }),
      ...(!isDefault && { searchPath: path }),
    },
    notices:
      major === server.major
        ? []
        : [`The server is PostgreSQL ${server.version}; a server of PostgreSQL ${major} stood for it in the trace.`],
  }
}

function nearestMajor(major: number): PostgresMajor {
  return postgresMajors.reduce((best, each) => (Math.abs(each - major) < Math.abs(best - major) ? each : best))
}

const utcNames: ReadonlySet<string> = new Set(['UTC', 'Etc/UTC', 'GMT', 'Etc/GMT', 'Zulu', 'UCT', 'Universal'])

/** Of the time zone database, which every server has: `localtime` and offsets mean something on one machine only. */
const zoneName = /^[A-Z][A-Za-z]+(?:\/[A-Z][\w+-]*)+$/
