import type { ColumnType } from '../type-fit.ts'
import { builtInTypes } from './built-in-types.ts'
import { plain } from '../type-fit.ts'

/**
 * What changing a column's type does to the rows: nothing, all are written anew, that hangs on the session's TimeZone
 * (nothing only where it is UTC), or the text does not show it. `index` says whether an index on the column alone
 * stays as it is.
 */
export type TypeChange =
  | { rows: 'kept'; index: 'kept' | 'rebuilt' }
  | { rows: 'by TimeZone'; index: 'rebuilt' }
  | { rows: 'rewritten' }
  | { rows: 'unknown' }

const kept = { rows: 'kept', index: 'kept' } as const
const rewritten = { rows: 'rewritten' } as const

/**
 * By the types alone; neither is a domain. Source: the casts WITHOUT FUNCTION of pg_cast, and what the support functions
 * of the length casts leave out (varchar_support, numeric_support, varbit_support, interval_support, TemporalSimplify);
 * the test beside this file asks the servers.
 */
export function typeChange(from: ColumnType, to: ColumnType): TypeChange {
  const old = plain(from)
  const now = plain(to)
  if (old.type === now.type) return keepsValues(old, now) ? kept : rewritten
  const pair = `${old.type} ${now.type}`
  if (pair === 'timestamp timestamptz' || pair === 'timestamptz timestamp') {
    return isFullPrecision(now) ? { rows: 'by TimeZone', index: 'rebuilt' } : rewritten
  }
  const index = withoutFunction[pair]
  if (index !== undefined) return now.modifiers.length > 0 ? rewritten : { rows: 'kept', index }
  const areKnown = [old, now].every(({ type }) => type.endsWith('[]') || builtInTypes.has(type))
  return areKnown ? rewritten : { rows: 'unknown' }
}

/** Casts by which a value stays as it is stored, and whether the types compare their values by the same operators. */
const withoutFunction: Readonly<Record<string, 'kept' | 'rebuilt'>> = {
  'text varchar': 'kept',
  'varchar text': 'kept',
  'text bpchar': 'rebuilt',
  'varchar bpchar': 'rebuilt',
  'cidr inet': 'kept',
  'bit varbit': 'rebuilt',
  'varbit bit': 'rebuilt',
  'int4 oid': 'rebuilt',
  'oid int4': 'rebuilt',
  'int4 regclass': 'rebuilt',
  'regclass int4': 'rebuilt',
  'regclass oid': 'kept',
  'oid regclass': 'kept',
  'xml text': 'kept',
  'xml bpchar': 'kept',
  'xml varchar': 'kept',
  'citext text': 'rebuilt',
  'citext varchar': 'rebuilt',
  'text citext': 'rebuilt',
  'varchar citext': 'rebuilt',
}

/** Whether a type with other modifiers holds every value as it is stored. */
function keepsValues(old: ColumnType, now: ColumnType): boolean {
  if (String(old.modifiers) === String(now.modifiers)) return true
  // The elements of an array are each cast, whatever that does to them.
  if (now.type.endsWith('[]')) return false
  const [before, wasBehind = 0] = old.modifiers
  const [after, isBehind = 0] = now.modifiers
  switch (now.type) {
    case 'varchar':
    case 'varbit':
      return after === undefined || (before !== undefined && after >= before)
    case 'bpchar':
      return after === undefined
    case 'numeric':
      return after === undefined || (before !== undefined && isBehind === wasBehind && after >= before)
    case 'time':
    case 'timetz':
    case 'timestamp':
    case 'timestamptz':
      return isFullPrecision(now) || (before !== undefined && after !== undefined && after >= before)
    case 'interval':
      return keepsIntervals(old, now)
    default:
      return false
  }
}

function isFullPrecision({ modifiers: [precision = 6] }: ColumnType): boolean {
  return precision >= 6
}

/** The bit of each field in an interval's modifier, the finest first. INTERVAL_FULL_RANGE, for none written, has all. */
const fieldBits = [12, 11, 10, 3, 1, 2]
const allFields = 0x7fff

/** What is finer than the finest field is cut off; fractions are only of seconds. */
function keepsIntervals(old: ColumnType, now: ColumnType): boolean {
  const [oldFields = allFields, oldPrecision = 6] = old.modifiers
  const [newFields = allFields, newPrecision = 6] = now.modifiers
  const finest = (fields: number) => fieldBits.findIndex((bit) => (fields & (1 << bit)) !== 0)
  if (finest(newFields) > finest(oldFields)) return false
  return finest(oldFields) > 0 || newPrecision >= oldPrecision
}
