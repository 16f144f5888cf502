import type { Client } from 'pg'
import type { Session } from '../src/postgres/connect/connect.ts'
import { identifyServer } from '../src/postgres/connect/server.ts'
import { checksumOf } from '../src/migrate/checksum.ts'
import type { MigrationEvent } from '../src/migrate/event.ts'
import { readHeader } from '../src/sql/file-header.ts'
import type { HistoryRow } from '../src/migrate/history.ts'
import { openHistory } from '../src/migrate/history-table.ts'
import { acquireLease } from '../src/migrate/lease.ts'
import type { MigrationText } from '../src/migrate/migration.ts'
import { defaultSettings } from '../src/migrate/run-request.ts'
import type { RunnerSettings } from '../src/migrate/run-request.ts'
import type { Runner, Script } from '../src/migrate/runner.ts'
import type { Step } from '../src/migrate/step.ts'
import { parseMigration, stepsOf } from '../src/migrate/steps.ts'
import { openWorkSession } from '../src/migrate/work-session.ts'
import type { Statement } from '../src/sql/statement.ts'
import type { Major } from './postgres.ts'
import { withDatabase } from './postgres.ts'

/** A runner of the tests, in a database of its own. */
export interface TestRunner {
  runner: Runner
  events: MigrationEvent[]
  interrupt: AbortController
  rows(): Promise<HistoryRow[]>
  /** Cuts both of its connections as a killed process does; its lease can be taken from then on. */
  kill(): Promise<void>
}

/** Opens runners and sessions in one database; what they leave open is ended afterwards. */
export interface RunnerPlace {
  admin: Client
  database: string
  open(): Promise<Client>
  start(settings?: Partial<RunnerSettings>, as?: { user: string; password: string }): Promise<TestRunner>
}

/** Runs `work` in a new database with kei's schema. */
export async function withRunners<T>(major: Major, work: (place: RunnerPlace) => Promise<T>, setup = ''): Promise<T> {
  return withDatabase(
    major,
    async (admin, database, shadow) => {
      const clients: Client[] = []
      const runners: TestRunner[] = []
      const open = async (as?: { user: string; password: string }) => {
        const client = await shadow.connect({ database, ...as })
        // As on a server that is not a shadow, a statement goes on when its client is gone.
        await client.query('SET search_path TO "$user", public; SET client_connection_check_interval = 0')
        clients.push(client)
        return client
      }
      const start = async (changes: Partial<RunnerSettings> = {}, as?: { user: string; password: string }) => {
        const started = await startRunner(() => open(as), { ...defaultSettings, waitTimeout: 20_000, ...changes })
        runners.push(started)
        return started
      }
      try {
        return await work({ admin, database, open, start })
      } finally {
        for (const { runner } of runners) await runner.lease.release()
        for (const client of clients) await client.end().catch(() => undefined)
      }
    },
    setup,
  )
}

async function startRunner(open: () => Promise<Client>, settings: RunnerSettings): Promise<TestRunner> {
  const sessionOf = async (): Promise<Session> => {
    const client = await open()
    return { client, server: await identifyServer(client), candidate: { host: client.host, port: 0 }, encrypted: false }
  }
  const events: MigrationEvent[] = []
  const interrupt = new AbortController()
  const onEvent = (event: MigrationEvent) => void events.push(event)
  const control = await sessionOf()
  const work = await openWorkSession(await sessionOf())
  const history = openHistory(settings.schema)
  await history.create(control.client)
  const lease = await acquireLease(control, { settings, command: 'migrate up', onEvent })
  const request = { settings, migrations: [], connect: sessionOf, onEvent, signal: interrupt.signal }
  const runner: Runner = { request, work, control, lease, history, fresh: false }
  return {
    runner,
    events,
    interrupt,
    rows: () => history.read(control.client),
    async kill() {
      for (const { client } of [work, control]) cut(client)
      await lease.release()
    },
  }
}

/** Closes the socket, so that the server hears no goodbye. */
export function cut(client: Client): void {
  const { connection } = client as Client & { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}

/** A migration with this up file, parsed. */
export interface TestScript {
  script: Script
  statements: Statement[]
  steps: Step[]
}

export async function scriptOf(sql: string, version = '1'): Promise<TestScript> {
  const header = readHeader(sql).header
  const text: MigrationText = {
    file: `migrations/${version}_test.sql`,
    text: sql,
    header,
    checksum: checksumOf(sql, header),
  }
  const statements = await parseMigration(text)
  const script: Script = {
    migration: { version, name: 'test', up: text },
    direction: 'up',
    text,
    total: statements.length,
  }
  return { script, statements, steps: stepsOf(statements, header) }
}
