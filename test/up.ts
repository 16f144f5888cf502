import { Client } from 'pg'
import { checksumOf } from '../src/migrate/checksum.ts'
import type { MigrationEvent } from '../src/migrate/event.ts'
import { readHeader } from '../src/sql/file-header.ts'
import type { HistoryRow } from '../src/migrate/history.ts'
import { openHistory } from '../src/migrate/history-table.ts'
import type { Migration, MigrationText } from '../src/migrate/migration.ts'
import { defaultSettings } from '../src/migrate/run-request.ts'
import type { RunnerSettings } from '../src/migrate/run-request.ts'
import type { UpRequest } from '../src/migrate/up.ts'
import type { Session } from '../src/postgres/connect/connect.ts'
import { identifyServer } from '../src/postgres/connect/server.ts'
import { withDatabase } from './postgres.ts'
import type { Major } from './postgres.ts'

/** A database of its own, and runs over files in it. */
export interface Target {
  admin: Client
  /** What the runs told. */
  events: MigrationEvent[]
  /** Opens one more pipelined session, with the server or somewhere else; it is ended afterwards. */
  open(place?: { host: string; port: number; user: string }): Promise<Client>
  request(files: Record<string, string>, changes?: Partial<UpRequest & RunnerSettings>): UpRequest
  rows(): Promise<HistoryRow[]>
}

/** Runs `work` with an empty database. */
export function withTarget<T>(major: Major, work: (target: Target) => Promise<T>): Promise<T> {
  return withDatabase(major, async (admin, database) => {
    const events: MigrationEvent[] = []
    const clients: Client[] = []
    const open = async (place?: { host: string; port: number; user: string }) => {
      const { host, port, user, password } = admin
      const client = new Client({ host, port, user, password, ...place, database, ssl: false, pipeline: true })
      // A lost connection shows in the statement that needs it; unheard, the event would end the process.
      client.on('error', () => undefined)
      await client.connect()
      clients.push(client)
      return client
    }
    const connect = async (): Promise<Session> => {
      const client = await open()
      return {
        client,
        server: await identifyServer(client),
        candidate: { host: client.host, port: 0 },
        encrypted: false,
      }
    }
    const request = (files: Record<string, string>, changes: Partial<UpRequest & RunnerSettings> = {}): UpRequest => ({
      settings: { ...defaultSettings, waitTimeout: 20_000, ...changes },
      migrations: migrationsOf(files),
      connect,
      onEvent: (event) => void events.push(event),
      ...changes,
    })
    try {
      return await work({
        admin,
        events,
        open,
        request,
        rows: () => openHistory('kei').read(admin),
      })
    } finally {
      for (const client of clients) await client.end().catch(() => undefined)
    }
  })
}

/** Migrations as their files `1_one.sql` and `1_one.down.sql` give them. */
export function migrationsOf(files: Record<string, string>): Migration[] {
  return Object.keys(files)
    .filter((file) => !file.endsWith('.down.sql'))
    .map((file) => {
      const [, version = '', name = ''] = /^(\d+)_(.+)\.sql$/.exec(file) ?? []
      const down = file.replace(/\.sql$/, '.down.sql')
      return {
        version,
        name,
        up: textOf(file, files[file] ?? ''),
        ...(files[down] !== undefined && { down: textOf(down, files[down]) }),
      }
    })
}

function textOf(file: string, text: string): MigrationText {
  const { header } = readHeader(text)
  return { file: `migrations/${file}`, text, header, checksum: checksumOf(text, header) }
}
