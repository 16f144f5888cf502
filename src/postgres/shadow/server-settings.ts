import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { shadowPort } from './private-folder.ts'

/**
 * Settings of a throw-away server: no durability, no TCP, nothing running by itself that takes locks or analyses, and
 * bounds that only a superuser may raise. They stand outside the data directory, so that SQL can never rewrite them.
 */
const settings = {
  listen_addresses: '',
  port: String(shadowPort),
  unix_socket_permissions: '0777',
  max_connections: '50',
  superuser_reserved_connections: '10',
  shared_buffers: '128MB',
  huge_pages: 'off',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '512MB',
  min_wal_size: '32MB',
  checkpoint_timeout: '30min',
  autovacuum: 'off',
  jit: 'off',
  max_worker_processes: '0',
  max_logical_replication_workers: '0',
  max_prepared_transactions: '0',
  temp_file_limit: '1GB',
  // Ends the work of a client that was killed, even in the middle of an endless statement.
  client_connection_check_interval: '1s',
  // Passwords here are 32 random bytes, which repeated hashing cannot make harder to guess.
  scram_iterations: '1',
  // RAISE LOG would fill the disk, and logged statements would keep what a repository holds.
  log_min_messages: 'fatal',
  log_min_error_statement: 'panic',
  log_timezone: 'UTC',
  timezone: 'UTC',
  datestyle: 'ISO, MDY',
  default_text_search_config: 'pg_catalog.english',
  lc_messages: 'C',
} as const

/** Paths of a server's configuration files. */
export interface Configuration {
  configFile: string
}

/**
 * Writes `postgresql.conf` and `pg_hba.conf` for a data directory into `folder`: passwords (SCRAM) for every session,
 * also on the socket.
 */
export function writeConfiguration(folder: string, dataDirectory: string): Configuration {
  const configFile = join(folder, 'postgresql.conf')
  const hbaFile = join(folder, 'pg_hba.conf')
  writeFileSync(hbaFile, 'local all all scram-sha-256\n', { mode: 0o644 })
  const files = {
    data_directory: dataDirectory,
    hba_file: hbaFile,
    ident_file: join(dataDirectory, 'pg_ident.conf'),
  }
  const lines = Object.entries({ ...files, ...settings }).map(([name, value]) => `${name} = ${quoted(value)}\n`)
  writeFileSync(configFile, lines.join(''), { mode: 0o644 })
  return { configFile }
}

function quoted(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
