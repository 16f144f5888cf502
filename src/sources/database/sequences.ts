import { escapeIdentifier } from 'pg'
import type { Client } from 'pg'
import type { SequencePosition } from '../../findings/database.ts'
import { readOnly } from '../../postgres/read-only.ts'

export interface Sequences {
  sequences: SequencePosition[]
  /** Whether there are sequences that the role may not read. */
  denied: boolean
}

/** How many sequences one transaction reads: each is locked (ACCESS SHARE) until it ends, and locks are the server's. */
const atOnce = 200

/**
 * How far the sequences are that end before 2⁵³; the others do not end in anybody's time. pg_sequence_last_value()
 * would lock them in ROW EXCLUSIVE mode, so they are read as tables are. In transactions of their own.
 */
export async function readSequences(client: Client, standby: boolean): Promise<Sequences> {
  const { rows } = await readOnly(client, () => client.query<SequenceRow>(sequencesQuery))
  const readable = rows.filter((row) => row.readable && !(standby && row.unlogged))
  const values = new Map<string, number>()
  for (let from = 0; from < readable.length; from += atOnce) {
    await readValues(client, readable.slice(from, from + atOnce), values)
  }
  return {
    sequences: rows.map(({ name, sequence_limit, step, cycles, table_name, column_name, type }) => {
      const lastValue = values.get(name)
      return {
        name,
        ...(lastValue !== undefined && { lastValue }),
        limit: sequence_limit,
        increment: step,
        cycles,
        ...(table_name !== null && column_name !== null && { column: { table: table_name, name: column_name, type } }),
      }
    }),
    denied: rows.some((row) => !row.readable),
  }
}

/** One that is dropped meanwhile is left out, wherever among the others it stands. */
async function readValues(client: Client, sequences: readonly SequenceRow[], values: Map<string, number>) {
  const selects = sequences.map(
    ({ schema, bare }, index) =>
      `SELECT ${index} AS index, last_value::float8 AS value FROM ${escapeIdentifier(schema)}.${escapeIdentifier(bare)} ` +
      'WHERE is_called',
  )
  try {
    const { rows } = await readOnly(client, () =>
      client.query<{ index: number; value: number }>(selects.join(' UNION ALL ')),
    )
    for (const { index, value } of rows) values.set(sequences[index]?.name ?? '', value)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === '42P01' || error.code === '3F000'))) throw error
    if (sequences.length === 1) return
    const middle = Math.ceil(sequences.length / 2)
    await readValues(client, sequences.slice(0, middle), values)
    await readValues(client, sequences.slice(middle), values)
  }
}

interface SequenceRow {
  name: string
  schema: string
  bare: string
  sequence_limit: number
  step: number
  cycles: boolean
  table_name: string | null
  column_name: string | null
  type: string
  readable: boolean
  unlogged: boolean
}

const sequencesQuery = `
WITH sequence AS (
  SELECT c.oid, n.nspname, c.relname, c.relpersistence = 'u' AS unlogged, q.seqincrement, q.seqcycle,
    own.table_name, own.column_name, coalesce(own.type, q.seqtypid) AS type,
    CASE WHEN q.seqincrement > 0
      THEN least(q.seqmax, CASE own.type WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 END)
      ELSE greatest(q.seqmin, CASE own.type WHEN 'int2'::regtype THEN -32768 WHEN 'int4'::regtype THEN -2147483648 END)
    END AS sequence_limit
  FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL (
      SELECT quote_ident(tn.nspname) || '.' || quote_ident(t.relname) AS table_name,
        quote_ident(a.attname) AS column_name, a.atttypid::regtype AS type
      FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
        AND d.deptype IN ('a', 'i')
    ) own ON true
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
)
SELECT quote_ident(nspname) || '.' || quote_ident(relname) AS name, nspname AS schema, relname AS bare,
  sequence_limit::float8, seqincrement::float8 AS step, seqcycle AS cycles, table_name, column_name,
  format_type(type, NULL) AS type, has_sequence_privilege(oid, 'SELECT') AND has_schema_privilege(nspname, 'USAGE')
    AS readable, unlogged
FROM sequence WHERE abs(sequence_limit::numeric) < 9007199254740992 ORDER BY 1`
