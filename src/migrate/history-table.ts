import { escapeIdentifier } from 'pg'
import type { Client, QueryConfig } from 'pg'
import { readVersion } from '../version.ts'
import { accessRefusal, sqlStateOf } from './database-refusal.ts'
import type { HistoryRow, NewHistoryRow } from './history.ts'
import { createKeiSchema, keiSchemaExists } from './kei-schema.ts'
import type { Direction } from './migration.ts'

/** The history's table in a database. */
export interface HistoryTable {
  /** Bare name. */
  schema: string
  /**
   * Whether the tables are there: one query when they are.
   * @throws KeiError `schema-not-kei`, `history-of-newer-kei`, `history-not-permitted`
   */
  exists(client: Client): Promise<boolean>
  /**
   * Makes the schema with its tables and its view, in one transaction; safe where several do it at once, and nothing
   * when they are there.
   * @throws KeiError those of `exists`, and `read-only-server`
   */
  create(client: Client): Promise<void>
  /**
   * `planHash` of the versions that are applied, by the database itself; undefined where none is, and where one was
   * taken back or is applied in part. Of a long history it takes a fraction of the time of `read`.
   * @throws KeiError `history-not-permitted`
   */
  appliedHash(client: Client): Promise<string | undefined>
  /**
   * In the order of writing.
   * @throws KeiError `history-not-permitted`
   */
  read(client: Client): Promise<HistoryRow[]>
  /**
   * The newest text that was kept of each of the versions, redacted; of all when none are named. By the version
   * without leading zeros, which those that are asked for need not have.
   */
  readTexts(client: Client, versions?: readonly string[]): Promise<Map<string, KeptTexts>>
  /** Adds a row; to be sent within a transaction that began with the lease's proof, as the role that logged in. */
  insertion(row: NewHistoryRow, token: string): QueryConfig
}

/** The files of a version as they were when they were applied. */
export type KeptTexts = Partial<Record<Direction, string>>

/** The history that is kept in `schema`. */
export function openHistory(schema: string): HistoryTable {
  const table = `${escapeIdentifier(schema)}.history`
  const kei = readVersion()
  return {
    schema,
    exists: (client) => keiSchemaExists(client, schema),
    create: (client) => createKeiSchema(client, schema),

    async appliedHash(client) {
      const { rows } = await orRefuse(client, schema, () =>
        client.query<{ hash: string | null }>(
          `SELECT CASE WHEN pg_catalog.bool_and(whole) THEN pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
           pg_catalog.string_agg(pg_catalog.concat(number, ' ', checksum, pg_catalog.chr(10)), '' ORDER BY number), 'UTF8')), 'hex')
         END AS hash
         FROM (
           SELECT DISTINCT ON (version::numeric) version::numeric AS number, checksum,
             event IN ('baseline', 'edit') OR event = 'ran' AND direction = 'up' AND complete AS whole
           FROM ${table}
           ORDER BY version::numeric, id DESC
         ) AS newest`,
        ),
      )
      return rows[0]?.hash ?? undefined
    },

    async read(client) {
      const { rows } = await orRefuse(client, schema, () =>
        client.query<StoredRow>(
          // Much as text: no type parser that the process has registered changes it, and arrays are slow to read.
          `SELECT id::text, event, direction, version, name, first, last,
                  pg_catalog.array_to_string(hashes, ' ') AS hashes, complete, checksum,
                  pg_catalog.to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
                  by_role AS by, milliseconds, kei, token::text, reason, intent
           FROM ${table} AS h ORDER BY h.id`,
        ),
      )
      return rows.map(rowOf)
    },

    async readTexts(client, versions) {
      const { rows } = await client.query<{ version: string; direction: Direction; text: string }>(
        `SELECT DISTINCT ON (version::numeric, direction) (version::numeric)::text AS version, direction, text
         FROM ${table}
         WHERE text IS NOT NULL AND ($1::text[] IS NULL OR version::numeric = ANY ($1::text[]::numeric[]))
         ORDER BY version::numeric, direction, id DESC`,
        [versions ?? null],
      )
      const texts = new Map<string, KeptTexts>()
      for (const { version, direction, text } of rows) texts.set(version, { ...texts.get(version), [direction]: text })
      return texts
    },

    insertion(row, token) {
      const values = {
        event: row.event,
        direction: row.direction,
        version: row.version,
        name: row.name,
        first: row.first,
        last: row.last,
        hashes: row.hashes,
        complete: row.complete,
        checksum: row.checksum,
        milliseconds: row.milliseconds ?? null,
        kei,
        token,
        reason: row.reason ?? null,
        intent: row.intent === undefined ? null : JSON.stringify(row.intent),
        text: row.text ?? null,
      }
      const columns = Object.keys(values)
      return {
        text: `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((column, index) => (column === 'milliseconds' ? elapsed(index + 1) : `$${index + 1}`)).join(', ')})`,
        values: Object.values(values),
      }
    },
  }
}

async function orRefuse<T>(client: Client, schema: string, reading: () => Promise<T>): Promise<T> {
  try {
    return await reading()
  } catch (error) {
    if (sqlStateOf(error) !== '42501') throw error
    throw accessRefusal(schema, client.user ?? '', 'read', error)
  }
}

/** The parameter's value; else the milliseconds since the transaction began, whatever search_path it has set. */
function elapsed(parameter: number): string {
  return `COALESCE($${parameter}::pg_catalog.float8, pg_catalog.date_part('epoch',
    pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.transaction_timestamp()) OPERATOR(pg_catalog.*) 1000)`
}

type StoredRow = Omit<HistoryRow, 'hashes' | 'reason' | 'intent'> & {
  hashes: string
  reason: string | null
  intent: HistoryRow['intent'] | null
}

function rowOf({ hashes, reason, intent, ...row }: StoredRow): HistoryRow {
  return {
    ...row,
    hashes: hashes === '' ? [] : hashes.split(' '),
    ...(reason !== null && { reason }),
    ...(intent !== null && { intent }),
  }
}
