import { setTimeout as delay } from 'node:timers/promises'
import { createHash } from 'node:crypto'
import { escapeIdentifier } from 'pg'
import type { Client } from 'pg'
import { failure, interrupted, usageError } from '../errors.ts'
import { acquireShadow } from '../postgres/shadow/acquire.ts'
import { startGuard } from '../postgres/shadow/guard.ts'
import type { GuardLimits } from '../postgres/shadow/guard.ts'
import { createOwner, openOwnerSession } from '../postgres/shadow/owner.ts'
import type { Shadow } from '../postgres/shadow/shadow.ts'
import { stubTypesSql, trustedExtensions } from './extensions.ts'
import type { Ledger } from './ledger.ts'
import { installRecorder, markRecorder } from './recorder.ts'
import { openReplaySession } from './replay-session.ts'
import type { ReplaySession, SessionSettings } from './replay-session.ts'
import type { StubPlan } from './stubs.ts'
import { beginRun, keptTemplates } from './templates.ts'
import type { RunDatabases } from './templates.ts'

/** A server, the role that owns a folder's databases there, and this run's databases. */
export interface Workplace {
  databases: RunDatabases
  /** The role's name. */
  owner: string
  /** Whether a template is kept for a chain hash; never where roles are part of what a history leaves. */
  hasTemplate(hash: string): boolean
  /** Whether templates may be kept. */
  keepsTemplates: boolean
  /**
   * Opens the sessions of a database; an `empty` one gets all that the history finds when it starts. The request's
   * signal ends the replay session on the server.
   * @throws KeiError `invalid-config`, `trace-setup-failed`, `interrupted`
   */
  open(database: string, options: { empty: boolean }): Promise<Sessions>
  /**
   * Keeps the database that a history was run in, which no session may be using, for those that begin with it; or
   * drops it where roles, which no database holds, are part of what the history left.
   */
  settle(database: string, hash: string): Promise<void>
  /** Drops a database with the roles that were made in it. */
  discard(database: string): Promise<void>
  close(): Promise<void>
}

/** The sessions in one database. */
export interface Sessions {
  session: ReplaySession
  superuser: Client
  ledger: Ledger
  end(): Promise<void>
}

export interface WorkplaceRequest {
  major: number
  /** Absolute path of the project: which cluster. */
  project: string
  /** Of the migrations: which owner. */
  folder: string
  cacheFolder: string
  stubs: StubPlan
  /** SQL that runs as the owner once the stubs are there. */
  setup: readonly string[]
  settings: SessionSettings
  limits: Partial<GuardLimits>
  onProgress?: (message: string) => void
  signal?: AbortSignal
}

/** Advisory locks on the database `postgres`: log-ins of an owner, and the whole of a cluster whose roles change. */
const locks = { space: 0x6b656932, login: 1, cluster: 2 }

/**
 * Makes a server ready for a history. One that creates, alters or drops roles gets a cluster of its own, which is
 * emptied before and after, because roles are the whole cluster's; only one run at a time uses that.
 * @throws KeiError as `acquireShadow`
 */
export async function openWorkplace(request: WorkplaceRequest): Promise<Workplace> {
  const { stubs, signal } = request
  const owner = `kei_${createHash('sha256').update(request.folder).digest('hex').slice(0, 12)}`
  const shadow = await acquireShadow({
    major: request.major,
    project: request.project,
    cacheFolder: request.cacheFolder,
    ...(stubs.touchesRoles && { variant: 'roles' }),
    ...(request.onProgress && { onProgress: request.onProgress }),
  })
  let admin: Client | undefined
  let databases: RunDatabases | undefined
  try {
    admin = await shadow.connect({ database: 'postgres' })
    if (stubs.touchesRoles) {
      await lockCluster(admin, signal)
      await emptyCluster(admin)
    }
    databases = await beginRun(admin, () => shadow.connect({ database: 'postgres' }))
    await withLogin(admin, async (superuser) => {
      await createOwner(superuser, { name: owner })
      await createStubRoles(superuser, owner, stubs.roles)
    })
    const kept = stubs.touchesRoles ? () => false : await keptTemplates(admin)
    const given = new Set(await rolesOf(admin, owner))
    return workplace({ shadow, admin, databases, owner, given }, request, kept)
  } catch (error) {
    databases?.end()
    await admin?.end().catch(() => undefined)
    await shadow.release()
    throw error
  }
}

function workplace(
  place: { shadow: Shadow; admin: Client; databases: RunDatabases; owner: string; given: ReadonlySet<string> },
  { stubs, setup, settings, limits, signal }: WorkplaceRequest,
  hasTemplate: (hash: string) => boolean,
): Workplace {
  const { shadow, admin, databases, owner, given } = place
  const { touchesRoles } = stubs

  /** Made by SQL whose text did not show it. */
  async function madeRoles(): Promise<string[]> {
    return touchesRoles ? [] : (await rolesOf(admin, owner)).filter((role) => !given.has(role))
  }

  async function discard(database: string): Promise<void> {
    const made = await madeRoles()
    await databases.drop(database)
    // One that a kept database needs stays.
    for (const role of made) await admin.query(`drop role ${escapeIdentifier(role)}`).catch(() => undefined)
  }

  return {
    databases,
    owner,
    hasTemplate,
    keepsTemplates: !touchesRoles,
    async open(database, { empty }) {
      const superuser = await shadow.connect({ database })
      const opened: { end(): Promise<void> }[] = [superuser]
      let onAbort: () => void = () => undefined
      const end = async () => {
        signal?.removeEventListener('abort', onAbort)
        await Promise.allSettled(opened.map((each) => each.end()))
      }
      try {
        if (empty) await furnish(superuser, database, stubs)
        const mark = await markRecorder(superuser)
        const client = await withLogin(admin, () =>
          openOwnerSession(shadow, admin, { owner: { name: owner }, database }),
        )
        let session: ReplaySession | undefined
        opened.push({ end: () => (session ?? client).end() })
        const { rows } = await client.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid')
        const pid = rows[0]?.pid ?? 0
        const guard = await startGuard({ shadow, database, pid, limits })
        opened.push(guard)
        session = await openReplaySession(client, { pid, mark, guard, settings })
        if (signal?.aborted === true) throw interrupted()
        // A cancellation may come between two statements, or be caught by SQL; the end of the session may not.
        onAbort = () => void admin.query('select pg_terminate_backend($1)', [pid]).catch(() => undefined)
        signal?.addEventListener('abort', onAbort)
        if (empty) await furnishAsOwner(session, stubs, setup)
        return { session, superuser, ledger: await session.openLedger(), end }
      } catch (error) {
        await end()
        throw error
      }
    },
    async settle(database, hash) {
      if (!touchesRoles && (await madeRoles()).length === 0) return databases.keep(database, hash)
      await discard(database)
    },
    discard,
    async close() {
      try {
        if (touchesRoles) await emptyCluster(admin)
      } finally {
        databases.end()
        await admin.end().catch(() => undefined)
        await shadow.release()
      }
    },
  }
}

/** What only a superuser can put into an empty database. */
async function furnish(superuser: Client, database: string, stubs: StubPlan): Promise<void> {
  const roles = stubs.roles.map((role) => escapeIdentifier(role)).join(', ')
  if (roles !== '') {
    await superuser.query(`grant create on schema public to ${roles};
grant create on database ${escapeIdentifier(database)} to ${roles}`)
  }
  for (const name of stubs.extensions.created) {
    await superuser.query(`create extension ${escapeIdentifier(name)} with schema public cascade`)
  }
  const types = stubTypesSql(stubs.extensions)
  if (types !== '') await superuser.query(types)
  await installRecorder(superuser, [...trustedExtensions, ...stubs.extensions.created])
}

/** What belongs to the owner, then `trace.setup`. */
async function furnishAsOwner(session: ReplaySession, stubs: StubPlan, setup: readonly string[]): Promise<void> {
  const own = [
    ...stubs.schemas.map(({ sql }) => sql),
    ...stubs.extensions.stubbed.map(({ stub }) => stub.sql),
    stubs.runnerTable?.create ?? '',
  ]
  for (const sql of own.filter((text) => text !== '')) {
    const { error } = await session.run(sql)
    if (error !== undefined) throw new Error(`a stub does not run: ${error.message}`)
  }
  for (const sql of setup) {
    const { error } = await session.run(sql)
    if (error === undefined) continue
    throw usageError({
      code: 'trace-setup-failed',
      message: `trace.setup of kei.jsonc failed on the shadow: ${error.message}`,
      hint: 'Correct the SQL of trace.setup; it runs as an ordinary role in an empty database.',
    })
  }
  if (own.length > 0 || setup.length > 0) await session.reset()
}

/** One at a time: the owner's password and settings are reset before each log-in, and two at once would collide. */
async function withLogin<T>(admin: Client, work: (superuser: Client) => Promise<T>): Promise<T> {
  await admin.query('select pg_advisory_lock($1, $2)', [locks.space, locks.login])
  try {
    return await work(admin)
  } finally {
    await admin.query('select pg_advisory_unlock($1, $2)', [locks.space, locks.login])
  }
}

/**
 * Roles that stand for those that exist where the history really runs. The owner may act as them, give things to them
 * and grant them, and they can do nothing by themselves.
 */
async function createStubRoles(superuser: Client, owner: string, roles: readonly string[]): Promise<void> {
  const { rows } = await superuser.query<{ rolname: string }>('select rolname from pg_roles where rolname = any ($1)', [
    roles,
  ])
  const existing = new Set(rows.map(({ rolname }) => rolname))
  for (const role of roles) {
    const name = escapeIdentifier(role)
    if (!existing.has(role)) await superuser.query(`create role ${name} nologin`)
    await superuser.query(`grant ${name} to ${escapeIdentifier(owner)} with admin option`)
  }
}

/** Roles that the owner is a member of: those given to it, and those that it created. */
async function rolesOf(admin: Client, owner: string): Promise<string[]> {
  const { rows } = await admin.query<{ rolname: string }>(
    `select distinct r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid
where m.member = (select oid from pg_roles where rolname = $1)`,
    [owner],
  )
  return rows.map(({ rolname }) => rolname)
}

async function lockCluster(admin: Client, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    const { rows } = await admin.query<{ taken: boolean }>('select pg_try_advisory_lock($1, $2) as taken', [
      locks.space,
      locks.cluster,
    ])
    if (rows[0]?.taken === true) return
    if (signal?.aborted === true) throw interrupted()
    await delay(50)
  }
}

/** Drops every database and role that is not the cluster's own. */
async function emptyCluster(admin: Client): Promise<void> {
  const databases = await admin.query<{ datname: string }>('select datname from pg_database where oid >= 16384')
  for (const { datname } of databases.rows) {
    await admin.query(`drop database if exists ${escapeIdentifier(datname)} with (force)`)
  }
  const roles = await admin.query<{ rolname: string }>('select rolname from pg_roles where oid >= 16384')
  if (roles.rows.length === 0) return
  const names = roles.rows.map(({ rolname }) => escapeIdentifier(rolname)).join(', ')
  try {
    await admin.query(`drop role ${names}`)
  } catch (error) {
    throw failure({
      code: 'shadow-roles-left',
      message: `The roles of an earlier history cannot be dropped on the shadow: ${(error as Error).message}`,
      hint: "Remove kei's cache folder and run the command again.",
      cause: error,
    })
  }
}
