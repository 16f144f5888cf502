import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { escapeIdentifier, escapeLiteral } from 'pg'
import type { Client, DatabaseError } from 'pg'
import { createOwnedDatabase } from '../postgres/shadow/owner.ts'

/** What the databases kept in one cluster may take, the ones last used first; a run then adds one or two. */
const most = { databases: 7, bytes: 450 * 1024 ** 2 }

/** First key of the advisory locks that runs hold; any number that nothing else in a shadow uses. */
export const lockSpace = 0x6b656931

/**
 * A run's own databases in a cluster. Their names carry the run's, for which its session on the database `postgres`
 * holds an advisory lock: once the process has gone, however it went, the lock is free and others remove what it left.
 */
export interface RunDatabases {
  /** Makes an empty database that belongs to `owner`. */
  create(owner: string): Promise<string>
  /** Makes a copy of the template of `hash`; undefined when it is no longer there. */
  copy(owner: string, hash: string): Promise<string | undefined>
  /** Makes the template of `hash` itself a database of the run; undefined when it is not there or being copied. */
  take(hash: string): Promise<string | undefined>
  /** Keeps a database, which no session may be using, as the template of `hash`. Lost races are no error. */
  keep(database: string, hash: string): Promise<void>
  drop(database: string): Promise<void>
  /** Leaves the server to what it is still removing. */
  end(): void
}

/**
 * Begins a run: `admin` is a superuser's session on the database `postgres`, held open to the run's end; `connect`
 * opens another one. What is kept beyond the bounds is removed while the history runs: DROP DATABASE waits for a
 * checkpoint, and nobody should wait for that.
 */
export async function beginRun(admin: Client, connect: () => Promise<Client>): Promise<RunDatabases> {
  const run = randomBytes(6).toString('hex')
  await admin.query('select pg_advisory_lock($1, hashtext($2))', [lockSpace, run])
  await dropLeftovers(admin)
  let evictor: Promise<Client> | undefined
  function evict(): void {
    if (evictor !== undefined) return
    evictor = connect()
    // A session that is ended in the middle leaves the statement to the server; another run sees to the rest.
    evictor.then(removeBeyondBounds).catch(() => undefined)
  }
  let count = 0
  const newName = () => `kei_run_${run}_${count++}`
  return {
    async create(owner) {
      const name = newName()
      await createOwnedDatabase(admin, { name, owner })
      evict()
      return name
    },
    async copy(owner, hash) {
      const name = newName()
      try {
        await createOwnedDatabase(admin, { name, owner, template: templateName(hash) })
      } catch (error) {
        if (isGoneOrInUse(error)) return undefined
        throw error
      }
      await noteUse(admin, templateName(hash))
      evict()
      return name
    },
    async take(hash) {
      const name = newName()
      try {
        await admin.query(`alter database ${escapeIdentifier(templateName(hash))} rename to ${escapeIdentifier(name)}`)
      } catch (error) {
        if (isGoneOrInUse(error)) return undefined
        throw error
      }
      await admin.query(`alter database ${escapeIdentifier(name)} allow_connections true`)
      return name
    },
    async keep(database, hash) {
      const name = templateName(hash)
      await untilUnused(admin, database)
      try {
        // Complete before it has its name; a session in it would stand in the way of the next copy.
        await admin.query(`alter database ${escapeIdentifier(database)} allow_connections false`)
        await noteUse(admin, database)
        await admin.query(`alter database ${escapeIdentifier(database)} rename to ${escapeIdentifier(name)}`)
      } catch (error) {
        if ((error as DatabaseError).code !== '42P04') throw error
        await drop(admin, database)
      }
    },
    drop: (database) => drop(admin, database),
    end: () => void evictor?.then((session) => session.end()).catch(() => undefined),
  }
}

/** Another process may have removed a template since it was listed, or be about to, or be copying it. */
function isGoneOrInUse(error: unknown): boolean {
  return ['3D000', '55006'].includes((error as DatabaseError).code ?? '')
}

/** Hashes for which the cluster holds a template, shortened as in their names. */
export async function keptTemplates(admin: Client): Promise<(hash: string) => boolean> {
  const { rows } = await admin.query<{ datname: string }>(
    String.raw`select datname from pg_database where datname like 'kei\_template\_%'`,
  )
  const names = new Set(rows.map(({ datname }) => datname))
  return (hash) => names.has(templateName(hash))
}

function templateName(hash: string): string {
  return `kei_template_${hash.slice(0, 40)}`
}

async function noteUse(admin: Client, database: string): Promise<void> {
  await admin
    .query(`comment on database ${escapeIdentifier(database)} is ${escapeLiteral(new Date().toISOString())}`)
    // Removed, or used by another process in the same moment.
    .catch(() => undefined)
}

/** A backend lives on for a moment after its client has gone. */
async function untilUnused(admin: Client, database: string): Promise<void> {
  for (let round = 0; round < 1_000; round++) {
    const { rowCount } = await admin.query(
      'select from pg_stat_get_activity(null) where datid = (select oid from pg_database where datname = $1)',
      [database],
    )
    if (rowCount === 0) return
    await delay(2)
  }
}

async function drop(admin: Client, database: string): Promise<void> {
  await admin.query(`drop database if exists ${escapeIdentifier(database)} with (force)`)
}

async function dropLeftovers(admin: Client): Promise<void> {
  const { rows } = await admin.query<{ datname: string }>(
    String.raw`select datname from pg_database where datname like 'kei\_run\_%'`,
  )
  for (const { datname } of rows) {
    const run = datname.split('_')[2] ?? ''
    // A session may take its own lock again, so the run's own databases would look free; it has none yet.
    const { rows: taken } = await admin.query<{ taken: boolean }>(
      'select pg_try_advisory_lock($1, hashtext($2)) as taken',
      [lockSpace, run],
    )
    if (taken[0]?.taken !== true) continue
    await drop(admin, datname).catch(() => undefined)
    await admin.query('select pg_advisory_unlock($1, hashtext($2))', [lockSpace, run])
  }
}

async function removeBeyondBounds(admin: Client): Promise<void> {
  const { rows } = await admin.query<{ datname: string; size: string }>(
    String.raw`select d.datname, pg_database_size(d.oid) as size from pg_database d
where d.datname like 'kei\_template\_%' order by shobj_description(d.oid, 'pg_database') desc nulls last`,
  )
  let bytes = 0
  for (const [rank, { datname, size }] of rows.entries()) {
    bytes += Number(size)
    // One that is being copied is left for another time.
    if (rank >= most.databases || bytes > most.bytes) await drop(admin, datname).catch(() => undefined)
  }
}
