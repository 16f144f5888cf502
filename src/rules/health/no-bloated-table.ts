import type { TableStatistics } from '../../findings/database.ts'
import { defineRule } from '../rule.ts'
import type { RuleOptions, Verdict } from '../rule.ts'
import { bytesText, countText } from './amounts.ts'

const megabyte = 1024 ** 2

export default defineRule({
  id: 'no-bloated-table',
  since: '0.1.0',
  severity: 'note',
  category: 'health',
  subject: 'database',
  about: 'state',
  needs: ['statistics'],
  summary: 'A table of which much is dead rows or empty space',
  why:
    'Every full read passes the empty pages, and they take room in memory that rows could have. Dead rows come from ' +
    'UPDATE and DELETE and stay until VACUUM may remove them; the space is then used for new rows, and only seldom given ' +
    'back.',
  instead:
    'Let VACUUM come often enough (autovacuum_vacuum_scale_factor of a large, busy table at 0.02 rather than 0.2) and ' +
    'take away what holds it up. What will be filled again can stay; what will not is given back by pg_repack, or by ' +
    'VACUUM FULL while nobody needs the table.',
  examples: [
    {
      title: 'Dead rows that VACUUM has not come to',
      setup:
        'CREATE TABLE orders (id int, note text) WITH (autovacuum_enabled = off);\n' +
        "INSERT INTO orders SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n;\nVACUUM ANALYZE orders;",
      options: { megabytes: 1 },
      bad: 'DELETE FROM orders WHERE id % 4 > 0;',
      at: 'table public.orders',
      good: 'DELETE FROM orders WHERE id % 20 = 0;',
    },
    {
      title: 'Empty space that VACUUM has left',
      setup:
        'CREATE TABLE orders (id int, note text) WITH (autovacuum_enabled = off);\n' +
        "INSERT INTO orders SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n;",
      options: { megabytes: 1 },
      bad: 'DELETE FROM orders WHERE id % 4 > 0;\nVACUUM ANALYZE orders;',
      at: 'table public.orders',
      good: 'DELETE FROM orders WHERE id % 4 > 0;\nVACUUM (FULL, ANALYZE) orders;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-SPACE-RECOVERY',
    'https://www.postgresql.org/docs/current/storage-page-layout.html',
  ],
  options: {
    megabytes: { description: 'Below this much dead or empty space nothing is said.', default: 100 },
    percent: { description: 'Share of dead rows, or of empty space, that is too much.', default: 50 },
  },
  claims: [],
  *check({ tables, denied }, { options }) {
    if (denied.columns !== undefined) yield { kind: 'unknown', needs: denied.columns }
    for (const [name, table] of tables) {
      const verdict = deadRows(name, table, options) ?? emptySpace(name, table, options)
      if (verdict !== undefined) yield verdict
    }
  },
})

function deadRows(name: string, table: TableStatistics, options: RuleOptions): Verdict | undefined {
  const { liveRows, deadRows: dead, bytes } = table
  const share = dead / Math.max(1, liveRows + dead)
  if (share * 100 <= Number(options['percent']) || share * bytes <= Number(options['megabytes']) * megabyte)
    return undefined
  return {
    kind: 'finding',
    message: `${Math.round(share * 100)} % of the rows of ${name} are dead: VACUUM has not come to them, or may not remove them`,
    at: { kind: 'object', objectType: 'table', name },
    evidence: [
      {
        kind: 'statistics',
        facts: {
          'live rows': countText(liveRows),
          'dead rows': countText(dead),
          size: bytesText(bytes),
          'last VACUUM': table.lastVacuum ?? 'none since the counters began',
          ...(table.autovacuumDisabled && { autovacuum_enabled: 'off' }),
        },
      },
    ],
    next:
      (table.autovacuumDisabled ? `ALTER TABLE ${name} RESET (autovacuum_enabled);\n` : '') +
      `VACUUM (VERBOSE) ${name};\nIf that leaves rows that “are dead but not yet removable”, a transaction or slot holds it up.`,
  }
}

/** By the estimate of `TableStatistics.packedBytes`: the inputs stand in the evidence. */
function emptySpace(name: string, table: TableStatistics, options: RuleOptions): Verdict | undefined {
  const { bytes, packedBytes, rows } = table
  if (packedBytes === undefined || rows === undefined) return undefined
  const empty = bytes - packedBytes
  const share = empty / bytes
  if (share * 100 <= Number(options['percent']) || empty <= Number(options['megabytes']) * megabyte) return undefined
  return {
    kind: 'finding',
    message: `About ${Math.round(share * 100)} % of ${name}, ${bytesText(empty)}, is empty by an estimate from its statistics`,
    at: { kind: 'object', objectType: 'table', name },
    evidence: [
      {
        kind: 'statistics',
        facts: { size: bytesText(bytes), rows: countText(rows), 'rows packed, estimated': bytesText(packedBytes) },
      },
    ],
    next:
      'If it will fill again, let it. Else give it back: pg_repack, or where nobody needs the table meanwhile ' +
      `VACUUM (FULL, ANALYZE) ${name}; (ACCESS EXCLUSIVE). Exactly: SELECT * FROM pgstattuple_approx('${name.replaceAll("'", "''")}');`,
  }
}
