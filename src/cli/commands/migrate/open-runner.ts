import { setFlagsFromString } from 'node:v8'
import type { Config } from '../../../config/config.ts'
import type { OnMigrationEvent } from '../../../migrate/event.ts'
import type { Migration } from '../../../migrate/migration.ts'
import { readMigrations } from '../../../migrate/read-migrations.ts'
import { defaultSettings } from '../../../migrate/run-request.ts'
import type { RunRequest, RunnerSettings } from '../../../migrate/run-request.ts'
import type { Session } from '../../../postgres/connect/connect.ts'
import type { ResolvedConnection } from '../../../postgres/connect/resolve.ts'
import { printable } from '../../../sql/printable.ts'
import type { CommandContext } from '../../command.ts'
import { findTarget } from '../../target.ts'
import { durationOption, textOption } from './options.ts'
import type { Options } from './options.ts'

/** The migrations and the database that the options name. */
export interface OpenRunner {
  source: { root: string; folder: string; config: Config; migrations: Migration[] }
  request: RunRequest
  /** What sessions are opened by. Holds passwords. */
  resolved: ResolvedConnection
  /** `database "shop" at db.internal:5432`; empty before the first session. */
  place(): string
}

/**
 * Reads the folder, and prepares the way to the database; sessions are opened by `request.connect`, past the pooler
 * where a direct way is known. Before the first session of a command that writes is handed out, a target that is marked
 * production is confirmed.
 * @throws KeiError those of `readMigrations`, `findTarget`; `invalid-duration`
 */
export async function openRunner(
  options: Options,
  context: CommandContext,
  command: {
    command: string
    writes: boolean
    onEvent?: OnMigrationEvent
    mayBeEmpty?: boolean
    withoutDown?: boolean
  },
): Promise<OpenRunner> {
  const { terminal, workingDirectory, signal } = context
  // As in `kei check`: the parser runs for a second at most, and optimising its WebAssembly takes 30 MB and more time
  // than it gains.
  setFlagsFromString('--liftoff-only')
  const durations = durationsOf(options)
  const dir = textOption(options, 'dir')
  const named = textOption(options, 'target')
  const source = await readMigrations({
    workingDirectory,
    ...(dir !== undefined && { path: dir }),
    ...(named !== undefined && { target: named }),
    mayBeEmpty: command.mayBeEmpty ?? false,
    withoutDown: command.withoutDown ?? false,
  })
  const settings = settingsOf(options, source.config, durations)
  const target = await findTarget(options, context, source.config)
  for (const note of target.notes) terminal.err.write(`note: ${printable(note)}\n`)
  let place = ''
  let opened = false

  async function open(): Promise<Session> {
    const { connect } = await import('../../../postgres/connect/connect.ts')
    const connection = { applicationName: `kei/migrate ${command.command}`, signal, pipeline: true }
    if (opened) return connect(target.direct ?? target.connection, connection)
    const { session, asked } = await openFirst(connection)
    opened = true
    place = await placeOf(asked)
    if (command.writes) {
      try {
        const { confirmTarget } = await import('../../terminal/confirm.ts')
        await confirmTarget({ target, session, yes: options['yes'] === true }, terminal.err, signal)
      } catch (error) {
        await session.client.end()
        throw error
      }
    }
    return session
  }

  /** The direct session is opened beside the other, which shows that both lead to the same database. */
  async function openFirst(connection: {
    applicationName: string
    signal: AbortSignal
  }): Promise<{ session: Session; asked: Session }> {
    const { connect } = await import('../../../postgres/connect/connect.ts')
    const asked = await connect(target.connection, connection)
    if (target.direct === undefined) return { session: asked, asked }
    try {
      const { connectDirect } = await import('../../../postgres/connect/direct.ts')
      return { session: await connectDirect(target.direct, asked, connection), asked }
    } finally {
      await asked.client.end()
    }
  }

  const onEvent = command.onEvent ?? ((): void => undefined)
  return {
    source,
    resolved: target.direct ?? target.connection,
    request: { settings, migrations: source.migrations, connect: open, onEvent, signal },
    place: () => place,
  }
}

function durationsOf(options: Options) {
  return {
    lockTimeout: durationOption(options, 'lockTimeout', '--lock-timeout'),
    retryFor: durationOption(options, 'retryFor', '--retry-for'),
    waitTimeout: durationOption(options, 'waitTimeout', '--wait-timeout'),
  }
}

function settingsOf(
  options: Options,
  { migrate }: Config,
  { lockTimeout, retryFor, waitTimeout }: ReturnType<typeof durationsOf>,
): RunnerSettings {
  const role = textOption(options, 'role') ?? migrate.role
  return {
    schema: textOption(options, 'schema') ?? migrate.schema,
    ...(role !== undefined && { role }),
    lockTimeout: lockTimeout ?? migrate.lockTimeout * 1000,
    retryFor: retryFor ?? migrate.retryFor * 1000,
    waitTimeout: waitTimeout ?? defaultSettings.waitTimeout,
    leaseTime: defaultSettings.leaseTime,
  }
}

async function placeOf({ server, candidate }: Session): Promise<string> {
  const { describeCandidate } = await import('../../../postgres/connect/refusal.ts')
  return `(database ${server.database} at ${describeCandidate(candidate)})`
}
