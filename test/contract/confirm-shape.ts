import { DatabaseError } from 'pg'
import type { Client } from 'pg'
import { expect } from 'vitest'
import { compareLockModes } from '../../src/findings/lock-mode.ts'
import type { LockShape } from '../../src/rules/lock-table/lock-shape.ts'
import { failureOf, measure } from './measure.ts'
import type { Measurement } from './measure.ts'
import { emptyBench } from './measuring-bench.ts'
import type { Bench } from './measuring-bench.ts'

/** Expects the server to show what the shape says. */
export async function confirmShape(bench: Bench, shape: LockShape): Promise<void> {
  const { client } = bench
  const isElsewhere = `${shape.setup}${shape.statement}`.includes(tablespace)
  await emptyBench(bench)
  if (isElsewhere) await makeTablespace(client)
  await client.query(shape.setup)
  try {
    if (shape.fails !== undefined) {
      expect(await failureOf(client, shape.statement)).toBe(shape.fails)
      return
    }
    const parts = await partsOfT(client)
    const tableOf = await tablesOfIndexes(client)
    const seen = await measure(client, shape.statement, bench.connect)
    expect({
      locks: tellingLocks(seen.locks, shape, tableOf),
      rewrite: seen.rewrites.some((name) => parts.has(name)),
      scan: seen.scans.some((name) => parts.has(name)),
    }).toEqual({ locks: shape.locks, rewrite: shape.rewrite, scan: shape.scan })
    expect(seen.scans).toEqual(expect.arrayContaining([...(shape.otherScans ?? [])]))
  } finally {
    await client.query('ROLLBACK')
    if (isElsewhere) {
      await emptyBench(bench)
      await dropTablespace(client)
    }
  }
}

/** Without the locks on indexes that a row need not name. */
function tellingLocks(
  locks: Measurement['locks'],
  shape: LockShape,
  tableOf: ReadonlyMap<string, string>,
): Measurement['locks'] {
  const tells = ([name, mode]: [string, Measurement['locks'][string]]) => {
    const onTable = locks[tableOf.get(name) ?? '']
    return name in shape.locks || onTable === undefined || compareLockModes(mode, onTable) > 0
  }
  return Object.fromEntries(Object.entries(locks).filter(tells))
}

async function tablesOfIndexes(client: Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ index: string; table: string }>(`
    SELECT format('%I.%I', i.relnamespace::regnamespace, i.relname) AS index,
      format('%I.%I', c.relnamespace::regnamespace, c.relname) AS table
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
    WHERE c.oid >= 16384`)
  return new Map(rows.map(({ index, table }) => [index, table]))
}

/** `public.t` with its partitions and inheritors, at every depth. */
async function partsOfT(client: Client): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(`
    WITH RECURSIVE part AS (
      SELECT to_regclass('public.t')::oid AS oid
      UNION SELECT h.inhrelid FROM pg_inherits h JOIN part p ON h.inhparent = p.oid
    )
    SELECT format('%I.%I', c.relnamespace::regnamespace, c.relname) AS name FROM part JOIN pg_class c USING (oid)`)
  return new Set(rows.map(({ name }) => name))
}

const tablespace = 'kei_claim_space'

async function makeTablespace(client: Client): Promise<void> {
  await client.query('SET allow_in_place_tablespaces = on')
  // Another run on the same server may have made it.
  await unlessIts('42710', client.query(`CREATE TABLESPACE ${tablespace} LOCATION ''`))
}

async function dropTablespace(client: Client): Promise<void> {
  // Another run on the same server may have its tables there.
  await unlessIts('55000', client.query(`DROP TABLESPACE IF EXISTS ${tablespace}`))
}

async function unlessIts(sqlstate: string, work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== sqlstate) throw error
  }
}
