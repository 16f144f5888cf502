import type { Database } from '../../findings/database.ts'
import { quoteIdentifier, textNameOf, unquoted } from '../../sql/identifier.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { bytesText, countText } from '../health/amounts.ts'
import { percentText } from '../figures.ts'
import { foreignKeysOf } from '../schema/foreign-keys.ts'
import { columnOf } from '../schema/schema-columns.ts'
import type { SchemaState } from '../schema/schema-state.ts'
import type { HistorySubject } from '../subject.ts'
import { indexesOf } from './schema-indexes.ts'

/** Why a column's values do not follow the order of the rows on disk. */
export interface Disorder {
  /** In words that follow the column: `holds random values`. */
  why: string
  /** Whether the schema alone proves it; else nothing in it speaks for an order, and the application may know better. */
  isCertain: boolean
}

const texts: ReadonlySet<string> = new Set(['text', 'varchar', 'bpchar', 'citext', 'name', 'bytea'])
const numbers: ReadonlySet<string> = new Set(['int2', 'int4', 'int8', 'numeric', 'float4', 'float8', 'money'])
/** Names of columns that grow by themselves: moments as numbers, counters. */
const growing =
  /(?:^|_)(?:at|on|time|timestamp|ts|date|day|week|month|year|hour|epoch|block|height|slot|seq|sequence|number|no|num|nr|id|offset|lsn|position|pos|version|xid|txid|tick|batch)$/i
const randomDefault = /gen_random_uuid|uuid_generate_v4|uuidv4|random\s*\(/i
const orderedDefault = /uuidv7|uuid_generate_v[17]|uuid7|ulid|nextval/i

/** Why a column's values come in no order, by its type, its default and what the schema does with it. */
export function disorderOf(state: SchemaState, table: string, name: string): Disorder | undefined {
  const column = columnOf(state, table, name)
  if (column === undefined) return undefined
  const { base, text, seen } = column
  const written = text && text.site.fileText.slice(text.site.span.start, text.site.span.end)
  const given = seen?.default ?? (/\bDEFAULT\b/i.exec(written ?? '') ? written : undefined) ?? ''
  if (base === 'uuid') {
    if (orderedDefault.test(given)) return undefined
    return randomDefault.test(given)
      ? { why: 'holds random values', isCertain: true }
      : { why: 'is a uuid: unless the application makes them in order (UUIDv7), they are random', isCertain: false }
  }
  if (texts.has(base))
    return {
      why: `is ${base === 'bytea' ? 'bytea' : 'text'}: it is not sorted by when rows are written`,
      isCertain: true,
    }
  if (!numbers.has(base)) return undefined
  const isNumbered = text?.numbering !== undefined || seen?.identity !== undefined || orderedDefault.test(given)
  if (isNumbered || growing.test(name) || isKey(state, table, name)) return undefined
  return {
    why: `is ${base === 'money' || base === 'numeric' ? 'an amount' : 'a number'} that no sequence or clock gives`,
    isCertain: false,
  }
}

function isKey(state: SchemaState, table: string, column: string): boolean {
  return (
    foreignKeysOf(state).some((key) => key.table === table && key.columns.includes(column)) ||
    indexesOf(state).some(
      (index) => index.table === table && index.primary && index.shape.keys.some((key) => key.column === column),
    )
  )
}

/** A column that is written anew in rows that are there already. */
export interface UpdatedColumn {
  table: string
  column: string
  /** What does it, in words: `the trigger touch`, `an UPDATE in …/0007_fix.sql`. */
  by: string
  /** Where that is an UPDATE of a migration: its 0-based number. */
  migration?: number
}

const knownUpdates = new WeakMap<SchemaState, readonly UpdatedColumn[]>()

/** Columns that triggers write when a row is updated, and those that UPDATE statements of the history set. */
export function updatedColumns(state: SchemaState): readonly UpdatedColumn[] {
  let updated = knownUpdates.get(state)
  if (updated === undefined)
    knownUpdates.set(state, (updated = [...triggersOfText(state), ...triggersOfCatalog(state)]))
  return updated
}

const assignment = /\bNEW\s*\.\s*("(?:[^"]|"")+"|\w+)\s*:?=(?!=)/gi

function assignedIn(code: string): string[] {
  return [...code.matchAll(assignment)].map((match) =>
    unquoted((match[1] ?? '').replace(/^[^"].*$/, (word) => word.toLowerCase())),
  )
}

/** TRIGGER_TYPE_BEFORE and TRIGGER_TYPE_UPDATE of the server's `pg_trigger.h`. */
const before = 1 << 1
const onUpdate = 1 << 4

function* triggersOfText({ migrations }: SchemaState): Generator<UpdatedColumn> {
  const assigned = new Map<string, string[]>()
  for (const [number, migration] of migrations.entries()) {
    for (const subject of migration.statements) {
      const { statement } = subject
      const create = statementOf(statement, 'CreateFunctionStmt')
      const trigger = statementOf(statement, 'CreateTrigStmt')
      const update = statementOf(statement, 'UpdateStmt')
      if (create) {
        const name = nodeOf(create.funcname?.at(-1), 'String')?.sval
        if (name !== undefined) assigned.set(name, assignedIn(statement.text))
      } else if (trigger) {
        if (((trigger.timing ?? 0) & before) === 0 || ((trigger.events ?? 0) & onUpdate) === 0) continue
        const table = nameIn(migration.history, subject, trigger.relation)
        const called = nodeOf(trigger.funcname?.at(-1), 'String')?.sval ?? ''
        // The extension of that name takes the column as its argument.
        const own =
          called === 'moddatetime'
            ? (trigger.args ?? []).flatMap((each) => nodeOf(each, 'String')?.sval ?? [])
            : assigned.get(called)
        for (const column of own ?? []) yield { table, column, by: `the trigger ${trigger.trigname}` }
      } else if (update) {
        const table = nameIn(migration.history, subject, update.relation)
        for (const target of update.targetList ?? []) {
          const column = nodeOf(target, 'ResTarget')?.name
          if (column !== undefined) yield { table, column, by: `an UPDATE in ${migration.file}`, migration: number }
        }
      }
    }
  }
}

function nameIn(
  history: HistorySubject,
  subject: Parameters<HistorySubject['before']>[0],
  relation: { schemaname?: string; relname?: string } | undefined,
): string {
  return resolveName(history.before(subject), relation?.schemaname, relation?.relname ?? '')
}

function* triggersOfCatalog({ catalog }: SchemaState): Generator<UpdatedColumn> {
  const functions = new Map<string, string[]>()
  for (const { objectType, name, definition } of catalog?.objects ?? []) {
    if (objectType === 'function' && /\bRETURNS trigger\b/i.test(definition)) {
      functions.set(name.replace(/\(.*\)$/s, ''), assignedIn(definition))
    }
  }
  for (const { objectType, name, definition } of catalog?.objects ?? []) {
    if (objectType !== 'trigger') continue
    const [, events, table, called] =
      / BEFORE (.*?) ON (.*?) (?:FOR EACH|FROM|NOT|DEFER|REFER|WHEN).*EXECUTE FUNCTION (.*?)\(/s.exec(definition) ?? []
    if (events === undefined || table === undefined || called === undefined || !/\bUPDATE\b/.test(events)) continue
    const own = functions.get(called) ?? functions.get(`public.${called}`) ?? []
    for (const column of own) yield { table: textNameOf(table), column, by: `the trigger ${name.split(' on ')[0]}` }
  }
}

/** What a live database's statistics say of a BRIN index's column; figures as people read them. */
export interface MeasuredOrder {
  /** `unknown`: ANALYZE has not seen rows enough. */
  state: 'ordered' | 'unordered' | 'unknown'
  /** Whether the table is large enough for BRIN to pay. */
  isLarge: boolean
  /** Whether so much is updated or deleted that an order does not last. */
  isChurned: boolean
  facts: Record<string, string>
}

/**
 * The gate for BRIN: |correlation| of at least 0.95, a table of about 1 GB or more, and updates and deletes that are at
 * most 1 % of inserts.
 */
export const gate = { correlation: 0.95, bytes: 2 ** 30, churn: 0.01 }

/** Below this a table is read faster than BRIN can spare reading: two ranges of 128 pages. */
const fewBytes = 2 * 128 * 8192
/** Below so many changes counted their shares say nothing. */
const fewChanges = 10_000

export function measuredOrder({ tables, columns }: Database, table: string, column: string): MeasuredOrder {
  const statistics = tables.get(table)
  const correlation = columns.get(`${table}.${quoteIdentifier(column)}`)?.correlation
  const { bytes = 0, inserts = 0, updates = 0, deletes = 0 } = statistics ?? {}
  const changes = updates + deletes
  const churn = inserts === 0 ? (changes > 0 ? Infinity : 0) : changes / inserts
  const isKnown = correlation !== undefined && bytes >= fewBytes
  return {
    state: !isKnown ? 'unknown' : Math.abs(correlation) >= gate.correlation ? 'ordered' : 'unordered',
    isLarge: bytes >= gate.bytes,
    isChurned: inserts + changes >= fewChanges && churn > gate.churn,
    facts: {
      ...(correlation !== undefined && { correlation: correlation.toFixed(2) }),
      size: bytesText(bytes),
      inserts: countText(inserts),
      'updates and deletes': `${countText(changes)}${Number.isFinite(churn) ? ` (${percentText(churn)} of inserts)` : ''}`,
    },
  }
}
