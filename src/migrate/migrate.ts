import { connect } from '../postgres/connect/connect.ts'
import { connectDirect } from '../postgres/connect/direct.ts'
import { readSurroundings } from '../postgres/connect/surroundings.ts'
import { resolveTarget } from '../postgres/connect/target.ts'
import type { OnMigrationEvent } from './event.ts'
import { readMigrations } from './read-migrations.ts'
import { defaultSettings } from './run-request.ts'
import type { RunRequest, RunnerSettings } from './run-request.ts'
import { migrationStatus as statusOf } from './status.ts'
import type { MigrationStatus } from './status.ts'
import { up } from './up.ts'
import type { RunResult } from './up.ts'

/** What `migrate` and `migrationStatus` go by; all of it can be left out. */
export interface MigrateOptions extends Partial<RunnerSettings> {
  /** The migration folder, or a folder above it. Default: the working directory. */
  dir?: string
  /** A connection string. Default: KEI_DATABASE_URL, DATABASE_URL, the PG* variables, as kei's commands. */
  url?: string
  /** The way past the pooler, which the run then takes. Default: KEI_DIRECT_DATABASE_URL, where `url` is left out. */
  directUrl?: string
  /** Called with what happens. */
  onEvent?: OnMigrationEvent
  /** Aborting it cancels the running statement on the server and rejects with `interrupted`. */
  signal?: AbortSignal
}

/**
 * Applies what is pending, as `kei migrate up`: for an application that migrates when it starts. Of several that start
 * at once one runs and the others wait.
 * @throws KeiError those of `readMigrations`, `resolveTarget`, `connect` and `up`
 */
export async function migrate(
  options: MigrateOptions & {
    /** The last version to be applied. Default: all that are pending. */
    to?: string
    /** Whether a pending file that is older than an applied one is applied all the same. Default: false. */
    allowOutOfOrder?: boolean
  } = {},
): Promise<RunResult> {
  const { to, allowOutOfOrder } = options
  const request = await requestOf(options, 'up')
  return up({ ...request, ...(to !== undefined && { to }), ...(allowOutOfOrder !== undefined && { allowOutOfOrder }) })
}

/**
 * Where the migrations of a folder stand in a database, as `kei migrate status`: nothing is locked or written.
 * @throws KeiError those of `readMigrations`, `resolveTarget` and `connect`
 */
export async function migrationStatus(options: MigrateOptions = {}): Promise<MigrationStatus> {
  return statusOf(await requestOf(options, 'status'))
}

async function requestOf(options: MigrateOptions, command: string): Promise<RunRequest> {
  const { dir, url, directUrl, onEvent = () => undefined, signal, ...given } = options
  const { migrations, config } = await readMigrations({
    workingDirectory: process.cwd(),
    withoutDown: true,
    ...(dir !== undefined && { path: dir }),
  })
  const { schema, role, lockTimeout, retryFor } = config.migrate
  const configured = {
    schema,
    lockTimeout: lockTimeout * 1000,
    retryFor: retryFor * 1000,
    ...(role !== undefined && { role }),
  }
  const target = resolveTarget(readSurroundings(), { url, directUrl })
  const connection = {
    applicationName: `kei/migrate ${command}`,
    pipeline: true,
    ...(signal !== undefined && { signal }),
  }

  async function open() {
    const session = await connect(target.connection, connection)
    if (target.direct === undefined) return session
    try {
      return await connectDirect(target.direct, session, connection)
    } finally {
      await session.client.end()
    }
  }
  const settings = { ...defaultSettings, ...configured, ...defined(given) }
  return { settings, migrations, connect: open, onEvent, ...(signal !== undefined && { signal }) }
}

function defined({ schema, role, lockTimeout, retryFor, waitTimeout, leaseTime }: Partial<RunnerSettings>) {
  const entries = Object.entries({ schema, role, lockTimeout, retryFor, waitTimeout, leaseTime })
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Partial<RunnerSettings>
}
