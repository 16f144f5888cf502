import type { SequencePosition } from '../../findings/database.ts'
import { countText } from '../health/amounts.ts'
import { percentText } from '../figures.ts'
import { defineRule } from '../rule.ts'

/** From this share on it is an error. */
const nearly = 0.9

export default defineRule({
  id: 'no-key-overflow',
  since: '0.1.0',
  severity: 'warning',
  category: 'schema',
  subject: 'database',
  about: 'state',
  needs: ['statistics'],
  summary: 'A sequence or key column that has used up most of its numbers',
  why:
    'Past the last number no row can be inserted: nextval: reached maximum value of sequence, or integer out of range. ' +
    'Numbers are used up by inserts that fail or conflict too, so it comes before the table has that many rows. Changing ' +
    'integer to bigint rewrites the table while nobody can use it, which takes longest when there is the least time.',
  instead:
    'Widen the key while there is time, by a second column: add it as bigint, keep it equal by a trigger, fill it in ' +
    'batches, and exchange the two in one short transaction; foreign keys that hold its values as well. For a sequence ' +
    'of its own: ALTER SEQUENCE … AS bigint NO MAXVALUE.',
  examples: [
    {
      title: 'An integer key that is nearly used up',
      setup: 'CREATE TABLE orders (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);',
      bad: "SELECT setval(pg_get_serial_sequence('orders', 'id'), 1900000000);",
      at: 'column public.orders.id',
      good: "SELECT setval(pg_get_serial_sequence('orders', 'id'), 1000000000);",
    },
    {
      title: 'A sequence of its own',
      bad: "CREATE SEQUENCE invoice_number MAXVALUE 99999;\nSELECT setval('invoice_number', 80000);",
      at: 'sequence public.invoice_number',
      good: "CREATE SEQUENCE invoice_number MAXVALUE 99999 CYCLE;\nSELECT setval('invoice_number', 80000);",
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/datatype-numeric.html#DATATYPE-INT'],
  options: { percent: { description: 'Share of the numbers used from which it is said.', default: 70 } },
  claims: [
    {
      says: 'Past the largest integer no row can be inserted.',
      setup:
        'CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b int); ' +
        "SELECT setval(pg_get_serial_sequence('t', 'a'), 2147483647);",
      statement: 'INSERT INTO t (b) VALUES (1)',
      fails: '2200H',
    },
    {
      says: 'A bigint sequence does not help an integer column that takes its numbers.',
      setup:
        "CREATE SEQUENCE s; CREATE TABLE t (a int DEFAULT nextval('s'), b int); SELECT setval('s', 2147483647);",
      statement: 'INSERT INTO t (b) VALUES (1)',
      fails: '22003',
    },
  ],
  *check({ sequences, denied }, { options }) {
    if (denied.sequences !== undefined) yield { kind: 'unknown', needs: denied.sequences }
    for (const sequence of sequences) {
      const used = usedShare(sequence)
      if (used === undefined || used * 100 < Number(options['percent'])) continue
      const { name, column, lastValue = 0, limit } = sequence
      const subject = column ? `${column.table}.${column.name} (${column.type})` : name
      const object = column ? `${column.table}.${column.name}` : name
      yield {
        kind: 'finding',
        ...(used >= nearly && { severity: 'error' as const }),
        message: `${subject} has used ${percentText(used)} of its numbers: ${countText(lastValue)} of ${countText(limit)}, and then no row can be inserted`,
        at: { kind: 'object', objectType: column ? 'column' : 'sequence', name: object },
        evidence: [
          { kind: 'statistics', facts: { sequence: name, 'last value': countText(lastValue), limit: countText(limit) } },
        ],
        next: column
          ? `Widen ${object} to bigint by a second column, in migrations; \`kei rule no-rewriting-type-change\` has the steps. Columns that reference it are too small as well.`
          : `In a migration: ALTER SEQUENCE ${name} AS bigint NO MAXVALUE; and see that what takes its numbers can hold them.`,
        identity: object,
        object,
      }
    }
  },
})

/** How much of the way to its end a sequence has gone, 0 to 1; one that begins anew has no end. */
function usedShare({ lastValue, limit, cycles }: SequencePosition): number | undefined {
  if (lastValue === undefined || cycles || limit === 0) return undefined
  return lastValue / limit
}
