import type { TextDomain } from '../sql/schema-text.ts'
import { serialTypes } from '../sql/serial-types.ts'

/** A column's type as a `SchemaText` has it. */
export interface ColumnType {
  /** As the parser names it: `int4`, `varchar`, `text[]`. */
  type: string
  modifiers: readonly number[]
}

/** Whether a type can hold every value of another. */
export type Fit =
  | 'holds'
  /** The text does not show it: a type that the history makes, or a conversion that the USING alone decides. */
  | 'unclear'
  /** What becomes of values that do not fit, in words that can follow a colon. */
  | { loses: string }

/**
 * Whether `to` can hold all that `from` can, by the types alone: what a CHECK or the rows narrow is not known here.
 * `cast` says whether the change has a USING, whose explicit cast cuts off what an assignment refuses.
 * Source: PostgreSQL manual, chapter "Data Types"; the claims of `no-narrowing-type` measure it.
 */
export function typeFit(
  from: ColumnType,
  to: ColumnType,
  { cast, domains }: { cast: boolean; domains: ReadonlyMap<string, TextDomain> },
): Fit {
  const domain = domains.get(to.type)
  if (domain && from.type !== to.type) {
    if (domain.constrained) return { loses: `a value that the domain ${to.type} refuses makes it fail` }
    return typeFit(from, { type: domain.base, modifiers: domain.modifiers }, { cast, domains })
  }
  const base = domains.get(from.type)
  if (base && from.type !== to.type) {
    return typeFit({ type: base.base, modifiers: base.modifiers }, to, { cast, domains })
  }
  const old = plain(from)
  const now = plain(to)
  // Its limit is one of bytes.
  if (now.type === 'name' && old.type !== 'name') return 'unclear'
  if (old.type.endsWith('[]') || now.type.endsWith('[]')) return arrayFit(old, now, { cast, domains })

  const length = lengthOf(now)
  if (length !== undefined) return textFit(old, length, cast)
  if (lengthOf(old) !== undefined) {
    return now.type === 'bytea' ? 'unclear' : { loses: `a text that is no ${typeText(now)} makes it fail` }
  }
  const oldNumber = numberOf(old)
  const newNumber = numberOf(now)
  if (oldNumber && newNumber) return numberFit(oldNumber, newNumber)
  if (oldNumber && now.type === 'bool') return { loses: 'every number but 0 becomes true' }
  if (old.type === 'bool' && newNumber) return 'holds'
  return temporalFit(old, now) ?? otherFit(old, now)
}

/** A type as its manual page writes it: `varchar(50)`, `bigint`. */
export function typeText({ type, modifiers }: ColumnType): string {
  const element = type.replace(/\[\]$/, '')
  if (element === 'interval') return `${intervalText(modifiers)}${type.slice(element.length)}`
  const named = manualNames[element] ?? element
  const parenthesised = modifiers.length === 0 ? '' : `(${modifiers.join(',')})`
  return `${named}${parenthesised}${type.slice(element.length)}`
}

/** `interval(2)`, `interval day to second(3)`: its first modifier says which fields, a bit for each. */
function intervalText([fields = allFields, precision]: readonly number[]): string {
  const named = intervalFields.filter(([bit]) => (fields & (1 << bit)) !== 0).map(([, name]) => name)
  const [first, last] = [named[0], named.at(-1)]
  const words = fields === allFields ? '' : first === last ? ` ${first}` : ` ${first} to ${last}`
  return `interval${words}${precision === undefined ? '' : `(${precision})`}`
}

/** The server's `MONTH`, `YEAR` … of datetime.h. */
const intervalFields = [
  [2, 'year'],
  [1, 'month'],
  [3, 'day'],
  [10, 'hour'],
  [11, 'minute'],
  [12, 'second'],
] as const

/** Whether both types are texts, or numbers, or times: a limit of one can be written as a CHECK on the other. */
export function isOneKind(from: ColumnType | undefined, to: ColumnType): boolean {
  const kind = (type: ColumnType) => {
    const of = plain(type)
    if (lengthOf(of) !== undefined) return 'text'
    if (numberOf(of)) return 'number'
    return partsOf[of.type] ? 'time' : of.type
  }
  return from !== undefined && kind(from) === kind(to)
}

const manualNames: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
  bpchar: 'char',
}

/** A column's type with the integer that a serial stands for. */
export function plain({ type, modifiers }: ColumnType): ColumnType {
  return { type: serialTypes.get(type) ?? type, modifiers }
}

function arrayFit(
  old: ColumnType,
  now: ColumnType,
  how: { cast: boolean; domains: ReadonlyMap<string, TextDomain> },
): Fit {
  const elements = (array: ColumnType) => ({ ...array, type: array.type.replace(/\[\]$/, '') })
  if (old.type.endsWith('[]') && now.type.endsWith('[]')) return typeFit(elements(old), elements(now), how)
  // A text may be taken for one element, or be taken apart.
  if (now.type.endsWith('[]')) return lengthOf(old) === undefined ? typeFit(old, elements(now), how) : 'unclear'
  const length = lengthOf(now)
  if (length !== undefined) return length === Infinity ? 'holds' : 'unclear'
  if (now.type === 'json' || now.type === 'jsonb') return 'holds'
  return { loses: 'an array of more than one element does not fit' }
}

/** How many characters it holds; undefined where it is no character type. */
function lengthOf({ type, modifiers }: ColumnType): number | undefined {
  switch (type) {
    case 'text':
    case 'citext':
      return Infinity
    case 'varchar':
    case 'bpchar':
      return modifiers[0] ?? Infinity
    case 'name':
      return 63
    default:
      return undefined
  }
}

/** The longest text of a type's values. */
const longestText: Readonly<Record<string, number>> = { int2: 6, int4: 11, int8: 20, uuid: 36 }

function textFit(old: ColumnType, length: number, cast: boolean): Fit {
  const longest = lengthOf(old) ?? longestText[old.type]
  if (length === Infinity) return 'holds'
  if (longest === undefined) return 'unclear'
  if (longest <= length) return 'holds'
  return { loses: cast ? 'the cast in USING cuts longer values off' : 'a longer value makes it fail' }
}

/** A number type: how many digits it surely holds before the point and behind it, or how many in all. */
type NumberType = { kind: 'exact'; before: number; largest: number; behind: number } | { kind: 'float'; digits: number }

function numberOf({ type, modifiers }: ColumnType): NumberType | undefined {
  // `before` digits always fit; `largest` is how many the largest value has.
  switch (type) {
    case 'int2':
      return { kind: 'exact', before: 4, largest: 5, behind: 0 }
    case 'int4':
      return { kind: 'exact', before: 9, largest: 10, behind: 0 }
    case 'int8':
      return { kind: 'exact', before: 18, largest: 19, behind: 0 }
    case 'float4':
      return { kind: 'float', digits: 6 }
    case 'float8':
      return { kind: 'float', digits: 15 }
    case 'numeric': {
      const [precision = Infinity, scale] = modifiers
      const behind = scale ?? (precision === Infinity ? Infinity : 0)
      const before = precision === Infinity ? Infinity : precision - behind
      return { kind: 'exact', before, largest: before, behind }
    }
    default:
      return undefined
  }
}

function numberFit(old: NumberType, now: NumberType): Fit {
  if (now.kind === 'float') {
    const digits = old.kind === 'float' ? old.digits : old.largest + old.behind
    return digits <= now.digits ? 'holds' : { loses: `what is more than ${now.digits} digits is rounded off` }
  }
  if (old.kind === 'float') {
    if (now.behind === Infinity) return 'holds'
    return { loses: 'digits behind the point are rounded off, and a larger value makes it fail' }
  }
  if (old.behind > now.behind) {
    const kept = now.behind <= 0 ? '' : ` after ${now.behind} ${now.behind === 1 ? 'digit' : 'digits'}`
    return { loses: `what is behind the point${kept} is rounded off` }
  }
  const fits = old.largest <= now.before || (isInteger(old) && isInteger(now) && old.largest <= now.largest)
  return fits ? 'holds' : { loses: 'a larger value makes it fail' }
}

function isInteger({ before, largest }: NumberType & { kind: 'exact' }): boolean {
  return before < largest
}

function temporalFit(old: ColumnType, now: ColumnType): Fit | undefined {
  const from = partsOf[old.type]
  const into = partsOf[now.type]
  if (from === undefined || into === undefined) return undefined
  const lost = from.filter((part) => !into.includes(part))
  if (lost.length > 0) return { loses: `the ${lost.join(' and the ')} of each value is cut off` }
  if (fractionOf(now) < fractionOf(old)) return { loses: 'fractions of a second are rounded off' }
  return 'holds'
}

/** What a value says. An instant has no time zone of its own. */
const partsOf: Readonly<Record<string, readonly string[]>> = {
  date: ['date'],
  time: ['time of day'],
  timetz: ['time of day', 'time zone'],
  timestamp: ['date', 'time of day'],
  timestamptz: ['date', 'time of day'],
}

function fractionOf({ type, modifiers }: ColumnType): number {
  return type === 'date' ? 0 : (modifiers[0] ?? 6)
}

function otherFit(old: ColumnType, now: ColumnType): Fit {
  if (old.type === now.type) return old.type === 'interval' ? intervalFit(old, now) : sameFit(old, now)
  const pair = `${old.type} ${now.type}`
  if (holding.has(pair)) return 'holds'
  const loses = losing[pair]
  return loses === undefined ? 'unclear' : { loses }
}

const holding: ReadonlySet<string> = new Set([
  'json jsonb',
  'jsonb json',
  'cidr inet',
  'macaddr macaddr8',
  'money numeric',
])

const losing: Readonly<Record<string, string>> = {
  'inet cidr': 'the bits of each address behind its network are set to zero',
  'macaddr8 macaddr': 'an address of eight bytes makes it fail',
  'interval time': 'whole days are cut off',
}

/** INTERVAL_FULL_RANGE: all fields, what a type without any written has. */
const allFields = 0x7fff

function intervalFit(old: ColumnType, now: ColumnType): Fit {
  const [oldFields = allFields, oldFraction = 6] = old.modifiers
  const [newFields = allFields, newFraction = 6] = now.modifiers
  if ((oldFields & newFields) !== oldFields) return { loses: 'fields that it leaves out are cut off' }
  return newFraction < oldFraction ? { loses: 'fractions of a second are rounded off' } : 'holds'
}

function sameFit(old: ColumnType, now: ColumnType): Fit {
  return String(old.modifiers) === String(now.modifiers) || now.modifiers.length === 0 ? 'holds' : 'unclear'
}
