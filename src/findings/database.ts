import type { Authentication } from './authentication.ts'
import type { Catalog } from './catalog.ts'
import type { ServerSettings } from './server-settings.ts'

/**
 * A running database as its catalogs, statistics and activity showed it at one moment. No value of the user's rows is in
 * it. Names are those of `catalog`, qualified and quoted as PostgreSQL prints them. Sizes are in bytes, ages of
 * transactions in transactions, times in seconds; moments are ISO 8601 by the server's clock.
 */
export interface Database {
  name: string
  /** Host and port, or the socket's path. */
  address: string
  major: number
  /** `server_version`, for example `17.10`. */
  version: string
  /** The role that asked. */
  user: string
  /** In recovery. Its counters are its own: what its primary does is not counted here. */
  standby: boolean
  /** `pg_control_system()`; undefined where it may not be asked. */
  systemIdentifier?: string
  /** When it was asked. */
  readAt: string
  catalog: Catalog
  /** Since when the counters count: the last reset, or crash, which empties them too. */
  statisticsSince: string
  /** How many standbys stream from this server: what runs there is counted there. */
  standbys: number
  /** By the relation's name: tables, partitioned tables and materialized views. */
  tables: ReadonlyMap<string, TableStatistics>
  /** By the index's name. */
  indexes: ReadonlyMap<string, IndexStatistics>
  /** By `relation.column`, of columns that are keys of indexes, in tables of 1,000 rows or more: what ANALYZE last saw. */
  columns: ReadonlyMap<string, ColumnStatistics>
  /** Sequences that end before 2⁵³, with their column where they have one. */
  sequences: readonly SequencePosition[]
  /** Every database of the server. */
  ages: readonly TransactionAge[]
  /** Transactions that are open in this database, of clients only and without kei's own, the oldest first. */
  transactions: readonly OpenTransaction[]
  /** Of this database, the oldest first. */
  preparedTransactions: readonly PreparedTransaction[]
  /** Of the whole server. */
  replicationSlots: readonly ReplicationSlot[]
  settings: ServerSettings
  /** Undefined where it may not be read. */
  authentication?: Authentication
  /** What this role may not see, each with what it lacks, in words that follow "needs": `the role pg_read_all_stats`. */
  denied: Readonly<Partial<Record<DatabasePart, string>>>
}

/** What a role may be kept from seeing. */
export type DatabasePart =
  /** Other users' sessions and their transactions. */
  | 'transactions'
  /** Columns that the role may not read. */
  | 'columns'
  /** Sequences that the role may not read. */
  | 'sequences'
  | 'settings'
  | 'authentication'

export interface TableStatistics {
  /** `pg_class.reltuples`; undefined: never vacuumed or analysed. */
  rows?: number
  /** Of the table alone, without indexes and TOAST, as the last VACUUM, ANALYZE or CREATE INDEX saw it. */
  bytes: number
  /** As the counters estimate them now. */
  liveRows: number
  deadRows: number
  sequentialScans: number
  /** Rows that sequential scans read, all together. */
  sequentialRows: number
  indexScans: number
  inserts: number
  updates: number
  hotUpdates: number
  deletes: number
  /** By hand or by autovacuum. */
  lastVacuum?: string
  lastAnalyze?: string
  /** Transactions since `relfrozenxid`, of the table or its TOAST table; undefined for a partitioned table. */
  age?: number
  /** Of multixacts, since `relminmxid`. */
  multixactAge?: number
  /** Whether autovacuum leaves the table alone (`autovacuum_enabled = off`). */
  autovacuumDisabled: boolean
  /** Bytes that the rows would take packed, estimated from ANALYZE's average widths; undefined where those are not known. */
  packedBytes?: number
}

export interface IndexStatistics {
  /** As the last VACUUM, ANALYZE or CREATE INDEX saw it; 0 for the index of a partitioned table. */
  bytes: number
  scans: number
  /** PostgreSQL 16 and later. */
  lastScan?: string
  /** The index of the partitioned table that it is a part of: it cannot be dropped alone. */
  partOf?: string
  /** Logical replication finds rows by it. */
  replicaIdentity: boolean
}

export interface ColumnStatistics {
  /** Share of NULLs, 0 to 1. */
  nullShare: number
  /** `pg_stats.n_distinct`: a number of values, or below 0 minus their share of the rows. */
  distinct: number
  /** Shares of the most common values, the largest first, without the values. */
  commonShares: readonly number[]
  /** Between the order of values and that of rows on disk, -1 to 1; undefined for types without an order. */
  correlation?: number
}

export interface SequencePosition {
  name: string
  /** The last value that was given out; undefined: none yet, or it may not be read. */
  lastValue?: number
  /** The end that it runs towards: the sequence's own, or that of its column's type where that is nearer. */
  limit: number
  increment: number
  cycles: boolean
  /** The identity or serial column that it belongs to. */
  column?: { table: string; name: string; type: string }
}

export interface TransactionAge {
  database: string
  /** Since `datfrozenxid`. */
  age: number
  /** Since `datminmxid`. */
  multixactAge: number
}

export interface OpenTransaction {
  pid: number
  user: string
  /** `application_name`; may be empty. */
  application: string
  state: 'active' | 'idle'
  /** Since the transaction began. */
  seconds: number
  /** Since it became active or idle. */
  stateSeconds: number
  /** Whether it keeps VACUUM from removing rows. */
  holdsSnapshot: boolean
}

export interface PreparedTransaction {
  /** The name that its application gave it. */
  identifier: string
  owner: string
  seconds: number
}

export interface ReplicationSlot {
  name: string
  type: 'physical' | 'logical'
  /** Of a logical slot. */
  database?: string
  active: boolean
  /** Since when nothing reads it; PostgreSQL 17 and later. */
  inactiveSince?: string
  /** WAL that is kept for it; undefined where it keeps none, or none any more. */
  retainedBytes?: number
  /** `unreserved`: WAL that it needs goes at the next checkpoint. `lost`: it is gone. */
  walStatus?: 'reserved' | 'extended' | 'unreserved' | 'lost'
}
