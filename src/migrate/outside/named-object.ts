import type { Client } from 'pg'
import { quoteIdentifier } from '../../sql/identifier.ts'
import { statementOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import type { OutsideKind } from './outside-kind.ts'

type ObjectType = 'database' | 'tablespace' | 'subscription' | 'prepared transaction'

export interface NamedObjectBefore {
  kind: 'named-object'
  type: ObjectType
  name: string
  becomes: 'present' | 'absent'
  /** IF EXISTS. */
  missingOk: boolean
  /** Oid, or xid of a prepared transaction, of the one of that name. */
  existing?: string
}

/**
 * CREATE and DROP of a DATABASE, TABLESPACE or SUBSCRIPTION, COMMIT and ROLLBACK PREPARED: each is one row of a
 * catalog, written in one transaction.
 */
export const namedObject: OutsideKind<NamedObjectBefore> = {
  async before(client, statement) {
    const named = namedIn(statement)
    if (named === undefined) throw new Error(`${statement.tag} names no object`)
    const existing = (await lookUp(client, named.type, named.name))?.id
    return { kind: 'named-object', ...named, ...(existing !== undefined && { existing }) }
  },

  /** DROP DATABASE that was stopped leaves a database that nobody can enter, only drop. */
  async clear(client, { type, name, becomes, existing }) {
    if (type !== 'database' || becomes !== 'absent') return
    const found = await lookUp(client, type, name)
    if (found?.invalid === true && found.id === existing) await client.query(`DROP DATABASE ${quoteIdentifier(name)}`)
  },

  async decide(client, { type, name, becomes, missingOk, existing }) {
    const found = await lookUp(client, type, name)
    if (becomes === 'present') return found !== undefined && found.id !== existing ? 'done' : 'not-done'
    if (existing === undefined) return missingOk ? 'done' : 'not-done'
    return found?.id === existing ? 'not-done' : 'done'
  },
}

type Named = Pick<NamedObjectBefore, 'type' | 'name' | 'becomes' | 'missingOk'>

/** The object that the statement makes or takes away; undefined for every other statement. */
export function namedIn(statement: Statement): Named | undefined {
  const made = (type: ObjectType, name = ''): Named => ({ type, name, becomes: 'present', missingOk: false })
  const dropped = (type: ObjectType, name = '', missingOk = false): Named => ({
    type,
    name,
    becomes: 'absent',
    missingOk,
  })
  switch (statement.tag) {
    case 'CreatedbStmt':
      return made('database', statementOf(statement, 'CreatedbStmt')?.dbname)
    case 'DropdbStmt': {
      const drop = statementOf(statement, 'DropdbStmt')
      return dropped('database', drop?.dbname, drop?.missing_ok)
    }
    case 'CreateTableSpaceStmt':
      return made('tablespace', statementOf(statement, 'CreateTableSpaceStmt')?.tablespacename)
    case 'DropTableSpaceStmt': {
      const drop = statementOf(statement, 'DropTableSpaceStmt')
      return dropped('tablespace', drop?.tablespacename, drop?.missing_ok)
    }
    case 'CreateSubscriptionStmt':
      return made('subscription', statementOf(statement, 'CreateSubscriptionStmt')?.subname)
    case 'DropSubscriptionStmt': {
      const drop = statementOf(statement, 'DropSubscriptionStmt')
      return dropped('subscription', drop?.subname, drop?.missing_ok)
    }
    case 'TransactionStmt':
      return dropped('prepared transaction', statementOf(statement, 'TransactionStmt')?.gid)
    default:
      return undefined
  }
}

const lookUps: Readonly<Record<ObjectType, string>> = {
  // -2 marks a database whose DROP was stopped: pg_database.datconnlimit in the manual.
  database: 'SELECT oid::text AS id, datconnlimit = -2 AS invalid FROM pg_catalog.pg_database WHERE datname = $1',
  tablespace: 'SELECT oid::text AS id FROM pg_catalog.pg_tablespace WHERE spcname = $1',
  subscription: `SELECT s.oid::text AS id FROM pg_catalog.pg_subscription s
    JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
    WHERE s.subname = $1 AND d.datname = pg_catalog.current_database()`,
  'prepared transaction': 'SELECT transaction::text AS id FROM pg_catalog.pg_prepared_xacts WHERE gid = $1',
}

async function lookUp(
  client: Client,
  type: ObjectType,
  name: string,
): Promise<{ id: string; invalid?: boolean } | undefined> {
  const { rows } = await client.query<{ id: string; invalid?: boolean }>(lookUps[type], [name])
  return rows[0]
}
