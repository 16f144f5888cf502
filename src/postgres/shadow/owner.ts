import { randomBytes } from 'node:crypto'
import { escapeIdentifier } from 'pg'
import type { Client } from 'pg'
import type { Shadow } from './shadow.ts'

/** An ordinary role that a stranger's SQL runs as, and its limits. */
export interface Owner {
  name: string
  /** Default: false. Only for SQL that creates databases itself, which multiply what one may take of the disk. */
  createDatabases?: boolean
}

/** Sessions of one owner: the traced one, those that stand in its way on purpose, and a few to spare. */
const connectionLimit = 8

/**
 * Makes the role of an owner, or takes the one that is there, with exactly the attributes it is meant to have. It cannot
 * log in before `openOwnerSession` has given it a password.
 * @param superuser a session of the superuser, in any database
 */
export async function createOwner(superuser: Client, owner: Owner): Promise<void> {
  const role = escapeIdentifier(owner.name)
  const { rowCount } = await superuser.query('SELECT FROM pg_catalog.pg_roles WHERE rolname = $1', [owner.name])
  if (rowCount === 0) await superuser.query(`CREATE ROLE ${role}`)
  await superuser.query(`ALTER ROLE ${role} ${attributes(owner)}`)
}

function attributes(owner: Owner): string {
  const databases = owner.createDatabases === true ? 'CREATEDB' : 'NOCREATEDB'
  return `LOGIN CREATEROLE ${databases} NOSUPERUSER NOREPLICATION NOBYPASSRLS INHERIT CONNECTION LIMIT ${connectionLimit}`
}

/**
 * Makes a database that belongs to an owner and that no other role may connect to.
 * @param template of the same cluster, without sessions; default `template1`
 */
export async function createOwnedDatabase(
  superuser: Client,
  database: { name: string; owner: string; template?: string },
): Promise<void> {
  const name = escapeIdentifier(database.name)
  const template = escapeIdentifier(database.template ?? 'template1')
  await superuser.query(`CREATE DATABASE ${name} OWNER ${escapeIdentifier(database.owner)} TEMPLATE ${template}`)
  await superuser.query(`REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`)
}

/**
 * Opens a session as an owner in its database. What earlier SQL may have left to change later logins (settings of the
 * role and of the database, password, expiry) is put back first, and the password is a new one each time.
 */
export async function openOwnerSession(
  shadow: Shadow,
  superuser: Client,
  session: { owner: Owner; database: string },
): Promise<Client> {
  const role = escapeIdentifier(session.owner.name)
  const database = escapeIdentifier(session.database)
  const password = randomBytes(32).toString('hex')
  await superuser.query(`
    ALTER ROLE ${role} ${attributes(session.owner)} PASSWORD '${password}' VALID UNTIL 'infinity';
    ALTER ROLE ${role} RESET ALL;
    ALTER ROLE ${role} IN DATABASE ${database} RESET ALL;
    ALTER DATABASE ${database} RESET ALL`)
  return shadow.connect({ database: session.database, user: session.owner.name, password })
}
