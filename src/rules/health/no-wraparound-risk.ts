import type { Database, TableStatistics, TransactionAge } from '../../findings/database.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import { countText } from './amounts.ts'
import { numberSetting } from './setting.ts'

/** Half of what 32 bits count: older rows would lie in the future. */
const wrap = 2 ** 31

/** How many tables are named. */
const shown = 3

export default defineRule({
  id: 'no-wraparound-risk',
  since: '0.1.0',
  severity: 'warning',
  category: 'health',
  subject: 'database',
  about: 'state',
  needs: ['statistics'],
  summary: 'A database whose oldest rows are far on the way to transaction ID wraparound',
  why:
    'Transactions are numbered with 32 bits, so rows must be frozen by VACUUM before two thousand million more have ' +
    'passed. Autovacuum begins with it at autovacuum_freeze_max_age (200 million); an age far above that means that it ' +
    'is switched off, cannot finish, or is kept from it by an old transaction, a prepared one or a replication slot. ' +
    'Three million before the end the server takes no more writes.',
  instead:
    'Take away what holds the horizon back, then VACUUM the oldest tables by hand. It reads whole tables and takes no ' +
    'lock that stands in the way of reads and writes.',
  examples: [
    {
      title: 'Far above what autovacuum allows',
      setup: 'CREATE TABLE orders (id int);\nINSERT INTO orders SELECT 1;',
      options: { age: 20 },
      bad: 'DO $$ BEGIN FOR n IN 1..50 LOOP COMMIT; PERFORM txid_current(); END LOOP; END $$;',
      at: 'database example',
      good: 'VACUUM (FREEZE);',
    },
  ],
  sources: ['https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND'],
  options: {
    age: {
      description:
        'Transactions (or multixacts) since the oldest unfrozen row. Above it is a finding; above vacuum_failsafe_age an error.',
      default: 1_000_000_000,
    },
  },
  claims: [],
  *check(database, { options }) {
    const most = Number(options['age'])
    for (const each of database.ages) {
      const kinds = [
        { what: 'transactions', age: each.age, failsafe: 'vacuum_failsafe_age', limit: 'autovacuum_freeze_max_age' },
        {
          what: 'multixacts',
          age: each.multixactAge,
          failsafe: 'vacuum_multixact_failsafe_age',
          limit: 'autovacuum_multixact_freeze_max_age',
        },
      ] as const
      for (const kind of kinds) if (kind.age > most) yield finding(database, each, kind)
    }
  },
})

interface Kind {
  what: 'transactions' | 'multixacts'
  age: number
  failsafe: string
  limit: string
}

function finding(database: Database, { database: name }: TransactionAge, kind: Kind): Verdict {
  const failsafe = numberSetting(database, kind.failsafe, 1_600_000_000)
  const limit = numberSetting(database, kind.limit, kind.what === 'transactions' ? 200_000_000 : 400_000_000)
  return {
    kind: 'finding',
    ...(kind.age > failsafe && { severity: 'error' as const }),
    message:
      `The oldest rows of ${name} are ${countText(kind.age)} ${kind.what} old, ` +
      `${Math.round((kind.age / wrap) * 100)} % of the way to wraparound`,
    at: { kind: 'object', objectType: 'database', name },
    identity: kind.what,
    evidence: [
      {
        kind: 'statistics',
        facts: { [`age in ${kind.what}`]: kind.age, [kind.limit]: limit, ...oldest(database, name, kind) },
      },
    ],
    next: nextStep(database, name, kind),
  }
}

function ageOf({ what }: Kind, { age, multixactAge }: TableStatistics): number {
  return (what === 'transactions' ? age : multixactAge) ?? 0
}

function oldestTables(database: Database, name: string, kind: Kind): [string, TableStatistics][] {
  if (name !== database.name) return []
  return [...database.tables].sort(([, a], [, b]) => ageOf(kind, b) - ageOf(kind, a)).slice(0, shown)
}

function oldest(database: Database, name: string, kind: Kind): Record<string, number> {
  return Object.fromEntries(
    oldestTables(database, name, kind).map(([table, statistics]) => [`age of ${table}`, ageOf(kind, statistics)]),
  )
}

function nextStep(database: Database, name: string, kind: Kind): string {
  const horizon =
    'Look for what holds the horizon back (no-long-transaction, no-orphaned-prepared-transaction, ' +
    'no-slot-holding-wal), then freeze'
  if (name !== database.name) return `${horizon} the database: vacuumdb --freeze --jobs=2 ${name}`
  const own = oldestTables(database, name, kind)
    .filter(([, { autovacuumDisabled }]) => autovacuumDisabled)
    .map(([table]) => `ALTER TABLE ${table} RESET (autovacuum_enabled);`)
  const vacuums = oldestTables(database, name, kind).map(([table]) => `VACUUM (FREEZE, VERBOSE) ${table};`)
  return [`${horizon} the oldest tables:`, ...own, ...vacuums].join('\n')
}
