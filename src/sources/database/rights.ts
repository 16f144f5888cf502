import type { Client } from 'pg'

export interface Rights {
  /** Sees other users' sessions. */
  statistics: boolean
  /** Sees every setting. */
  settings: boolean
}

/** What the role may see of the server as a whole. A superuser sees all. */
export async function readRights(client: Client): Promise<Rights> {
  const { rows } = await client.query<Rights>(`
SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS statistics,
  pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') AS settings`)
  return rows[0] ?? { statistics: false, settings: false }
}
