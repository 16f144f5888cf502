import type { Client } from 'pg'
import type { Major } from '../../src/rules/rule.ts'
import { withDatabase } from '../postgres.ts'

/** A database in which one thing after the other is measured, emptied before each; faster than a database for each. */
export interface Bench {
  client: Client
  connect: () => Promise<Client>
  close: () => Promise<void>
}

export function openBench(major: Major): Promise<Bench> {
  return new Promise((opened, failed) => {
    let leave = () => {}
    const left = new Promise<void>((resolve) => (leave = resolve))
    const used = withDatabase(major, async (client, database, shadow) => {
      const close = () => {
        leave()
        return used
      }
      opened({ client, connect: () => shadow.connect({ database }), close })
      await left
      await emptyBench({ client })
    })
    used.catch(failed)
  })
}

const dropStatements = `
  SELECT format('DROP SCHEMA %I CASCADE', nspname) AS drop FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
  UNION ALL SELECT format('DROP EXTENSION %I CASCADE', extname) FROM pg_extension WHERE oid >= 16384
  UNION ALL SELECT format('DROP PUBLICATION %I', pubname) FROM pg_publication
  UNION ALL SELECT format('DROP ACCESS METHOD %I', amname) FROM pg_am WHERE oid >= 16384
  UNION ALL SELECT format('DROP OWNED BY %1$I; DROP ROLE %1$I', rolname) FROM pg_roles WHERE rolname ~ '^kei_claim_'`

/**
 * Takes away all that was made in the database, its settings, and the roles named `kei_claim_…` of the server.
 * @throws Error when something is left.
 */
export async function emptyBench({ client }: Pick<Bench, 'client'>): Promise<void> {
  await client.query('ROLLBACK')
  await client.query('DISCARD ALL')
  const { rows } = await client.query<{ drop: string }>(dropStatements)
  for (const { drop } of rows) await client.query(drop)
  // Default privileges of the superuser; no statement takes away all of them.
  await client.query('SET allow_system_table_mods = on; DELETE FROM pg_default_acl; RESET allow_system_table_mods')
  const left = await client.query<{ name: string }>(
    'SELECT pg_describe_object(classid, objid, objsubid) AS name FROM pg_depend WHERE objid >= 16384',
  )
  if (left.rows.length > 0) throw new Error(`left behind: ${left.rows.map(({ name }) => name).join(', ')}`)
  // As a new database has it.
  await client.query('CREATE SCHEMA public AUTHORIZATION pg_database_owner; GRANT USAGE ON SCHEMA public TO PUBLIC')
  await client.query('SET search_path TO "$user", public')
}
