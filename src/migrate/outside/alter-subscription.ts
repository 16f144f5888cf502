import type { Client } from 'pg'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import type { OutsideKind } from './outside-kind.ts'

export interface AlterSubscriptionBefore {
  kind: 'alter-subscription'
  name: string
  /** Publications that ADD or DROP names; absent for what can be repeated. */
  publications?: PublicationChange
  /** They were so before: PostgreSQL then refuses the statement. */
  standing: boolean
}

interface PublicationChange {
  names: string[]
  become: 'present' | 'absent'
}

/**
 * ALTER SUBSCRIPTION in its forms that no transaction block takes. Adding or dropping a publication twice is an error,
 * and the catalog shows it; SET PUBLICATION, REFRESH PUBLICATION and options can be repeated.
 */
export const alterSubscription: OutsideKind<AlterSubscriptionBefore> = {
  async before(client, statement) {
    const { subname: name = '', kind, publication = [] } = statementOf(statement, 'AlterSubscriptionStmt') ?? {}
    const names = publication.flatMap((found) => nodeOf(found, 'String')?.sval ?? [])
    const become =
      kind === 'ALTER_SUBSCRIPTION_ADD_PUBLICATION'
        ? 'present'
        : kind === 'ALTER_SUBSCRIPTION_DROP_PUBLICATION'
          ? 'absent'
          : undefined
    if (become === undefined) return { kind: 'alter-subscription', name, standing: false }
    const publications: PublicationChange = { names, become }
    return { kind: 'alter-subscription', name, publications, standing: await isSo(client, name, publications) }
  },

  async clear() {},

  async decide(client, { name, publications, standing }) {
    if (publications === undefined) return 'repeat'
    return !standing && (await isSo(client, name, publications)) ? 'done' : 'not-done'
  },
}

async function isSo(client: Client, name: string, { names, become }: PublicationChange): Promise<boolean> {
  const { rows } = await client.query<{ publications: string[] }>(
    `SELECT s.subpublications AS publications FROM pg_catalog.pg_subscription s
      JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
      WHERE s.subname = $1 AND d.datname = pg_catalog.current_database()`,
    [name],
  )
  const [subscription] = rows
  if (subscription === undefined) return false
  return names.every((publication) => subscription.publications.includes(publication) === (become === 'present'))
}
