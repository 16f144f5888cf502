import { compareLockModes, lockModeFromCatalog } from '../findings/lock-mode.ts'
import type { LockMode, RelationLock } from '../findings/lock-mode.ts'
import type { NewConstraint, ObjectChange, Observation } from '../findings/observation.ts'
import type { LockedRelation, ReadConstraint, Reading, RecorderEvent } from './recorder.ts'

/** A relation as last seen. */
interface KnownRelation {
  name: string
  kind: string
  file: number
}

/**
 * What was known before the statement that is read next, so that each statement gets only what it did itself: locks
 * accumulate over a transaction, scan counters until they are flushed, and storage is compared with what it was.
 */
export interface Ledger {
  known: Map<number, KnownRelation>
  newestConstraint: number
  /** Undefined between transactions. */
  transaction:
    | { held: Map<number, LockMode[]>; scans: Map<number, number>; seen: Map<number, KnownRelation> }
    | undefined
}

/** A ledger of a database between two transactions, from the columns of `relationsQuery`. */
export function openLedger(relations: readonly [number, string, string, number][], newestConstraint: number): Ledger {
  const known = new Map(relations.map(([oid, name, kind, file]) => [oid, { name, kind, file }]))
  return { known, newestConstraint, transaction: undefined }
}

export function beginTransaction(ledger: Ledger): void {
  ledger.transaction = { held: new Map(), scans: new Map(), seen: new Map() }
}

/** Forgets the transaction's locks and counters; what it changed is kept only when it was committed. */
export function endTransaction(ledger: Ledger, committed: boolean): void {
  if (committed) for (const [oid, relation] of ledger.transaction?.seen ?? []) ledger.known.set(oid, relation)
  ledger.transaction = undefined
}

/** What one statement said and took besides its reading. */
export interface StatementFacts {
  events: readonly RecorderEvent[]
  notices: string[]
  milliseconds: number
  /** It empties relations: they and their indexes begin anew, but nothing is read or rewritten. */
  truncates: boolean
  /** Relations that it reads but that no counter shows: both ends of a foreign key that it validates. */
  validates: readonly string[]
}

/**
 * The statement's observation; the ledger then stands after it. Without a reading the transaction holds what it held.
 */
export function observe(ledger: Ledger, reading: Reading | undefined, facts: StatementFacts): Observation {
  if (reading === undefined) return { ...observeUnread(facts), held: heldLocks(ledger) }
  const transaction = ledger.transaction ?? { held: new Map(), scans: new Map(), seen: new Map() }
  const before = (oid: number) => transaction.seen.get(oid) ?? ledger.known.get(oid)
  const changes = objectChanges(facts.events)
  const droppedNames = new Map(
    facts.events
      .flatMap((event) => (event.kind === 'drop' ? event.objects : []))
      .flatMap((object) => (object.oid === 0 ? [] : [[object.oid, object.name]])),
  )

  const locks: RelationLock[] = []
  const held: RelationLock[] = []
  const scans = new Set<string>(facts.validates)
  const rewrites = new Set<string>()
  const rebuilt: { name: string; indexOf: number | null }[] = []
  const rewrittenTables = new Set<number>()
  for (const event of facts.events) {
    if (event.kind !== 'rewrite') continue
    rewrites.add(event.relation)
    rewrittenTables.add(event.oid)
  }

  for (const relation of reading.relations) {
    const last = before(relation.oid)
    // Without any name it is a rewrite's transient storage.
    const name = relation.name ?? droppedNames.get(relation.oid) ?? last?.name
    if (name === undefined || isTemporary(name) || name.startsWith('pg_toast.')) continue
    const kind = relation.kind ?? last?.kind ?? 'r'

    const strongestHeld = strongest(transaction.held.get(relation.oid) ?? [])
    const modes = lockModesOf(relation)
    transaction.held.set(relation.oid, modes)
    const now = strongest(modes)
    if (strongestHeld !== undefined && isTold(kind, strongestHeld)) held.push({ relation: name, mode: strongestHeld })
    if (
      now !== undefined &&
      isTold(kind, now) &&
      (strongestHeld === undefined || compareLockModes(now, strongestHeld) > 0)
    ) {
      locks.push({ relation: name, mode: now })
    }

    const scansBefore = transaction.scans.get(relation.oid) ?? 0
    transaction.scans.set(relation.oid, relation.scans)
    if (relation.scans > scansBefore && isTable(kind) && !facts.truncates) scans.add(name)

    if (relation.name === null) continue
    transaction.seen.set(relation.oid, { name, kind, file: relation.file })
    if (last === undefined || last.file === relation.file || facts.truncates) continue
    if (kind === 'r' || kind === 'm') {
      rewrites.add(name)
      rewrittenTables.add(relation.oid)
    } else if (kind === 'i') {
      rebuilt.push({ name, indexOf: relation.indexOf })
    }
  }

  for (const constraint of reading.constraints) {
    ledger.newestConstraint = Math.max(ledger.newestConstraint, constraint.oid)
    for (const end of readForForeignKey(constraint, changes.created)) scans.add(end)
  }

  return {
    locks: locks.sort(byRelation),
    held: held.sort(byRelation),
    rewrites: [...rewrites].filter((name) => !isTemporary(name)).sort(),
    indexRebuilds: rebuilt.flatMap(({ name, indexOf }) => (rewrittenTables.has(indexOf ?? 0) ? [] : [name])).sort(),
    scans: [...scans].sort(),
    ...changes,
    constraints: reading.constraints.map(newConstraint),
    notices: facts.notices,
    milliseconds: facts.milliseconds,
  }
}

function heldLocks(ledger: Ledger): RelationLock[] {
  const held: RelationLock[] = []
  for (const [oid, modes] of ledger.transaction?.held ?? []) {
    const relation = ledger.transaction?.seen.get(oid) ?? ledger.known.get(oid)
    const mode = strongest(modes)
    if (relation !== undefined && mode !== undefined && isTold(relation.kind, mode))
      held.push({ relation: relation.name, mode })
  }
  return held.sort(byRelation)
}

/**
 * Notes the storage that relations have after a statement outside a transaction, and tells what changed. By name, not
 * by oid: REINDEX CONCURRENTLY puts a new index under the old name.
 */
export function noteStorage(
  ledger: Ledger,
  relations: readonly [number, string, string, number][],
): Pick<Observation, 'rewrites' | 'indexRebuilds'> {
  const names = new Set(relations.map(([, name]) => name))
  const files = new Map<string, number>()
  for (const [oid, { name, file }] of ledger.known) {
    if (!names.has(name)) continue
    files.set(name, file)
    ledger.known.delete(oid)
  }
  const changed = relations.filter(([, name, , file]) => files.has(name) && files.get(name) !== file)
  for (const [oid, name, kind, file] of relations) ledger.known.set(oid, { name, kind, file })
  const rewrites = changed.flatMap(([, name, kind]) => (kind === 'r' || kind === 'm' ? [name] : []))
  // A rewritten table has all its indexes built again; that goes without saying.
  const indexRebuilds = rewrites.length > 0 ? [] : changed.flatMap(([, name, kind]) => (kind === 'i' ? [name] : []))
  return { rewrites: rewrites.sort(), indexRebuilds: indexRebuilds.sort() }
}

/** An observation of a statement that took nothing that could be read: BEGIN, VACUUM, a DO block that commits. */
export function observeUnread(facts: Pick<StatementFacts, 'events' | 'notices' | 'milliseconds'>): Observation {
  return {
    locks: [],
    held: [],
    rewrites: facts.events.flatMap((event) => (event.kind === 'rewrite' ? [event.relation] : [])),
    indexRebuilds: [],
    scans: [],
    ...objectChanges(facts.events),
    constraints: [],
    notices: facts.notices,
    milliseconds: facts.milliseconds,
  }
}

/**
 * Validating a foreign key reads both tables, but on empty ones PostgreSQL counts no scan. A table that the same
 * statement creates holds nothing to read, nor does one of its own partitions.
 */
function readForForeignKey(constraint: ReadConstraint, created: readonly ObjectChange[]): string[] {
  if (constraint.type !== 'f' || !constraint.validated || constraint.referenced === null) return []
  if (created.some((object) => object.objectType === 'table' && object.name === constraint.relation)) return []
  return [constraint.relation, constraint.referenced]
}

function newConstraint({ relation, name, type, definition }: ReadConstraint): NewConstraint {
  return { relation, name, type: type as NewConstraint['type'], definition }
}

function objectChanges(events: readonly RecorderEvent[]): Pick<Observation, 'created' | 'altered' | 'dropped'> {
  const created = new Map<string, ObjectChange>()
  const altered = new Map<string, ObjectChange>()
  const named: ObjectChange[] = []
  const cascaded: ObjectChange[] = []
  for (const event of events) {
    if (event.kind === 'ddl') {
      for (const { tag, objectType, name } of event.commands) {
        if (name === null || isTemporary(name)) continue
        // They change nothing that has a definition.
        if (tag.startsWith('REFRESH') || tag.startsWith('REINDEX')) continue
        const into = tag.startsWith('CREATE') || tag === 'SELECT INTO' ? created : altered
        into.set(`${objectType} ${name}`, { objectType, name })
      }
    } else if (event.kind === 'drop') {
      const relations = new Set(event.objects.flatMap(({ oid, name }) => (oid === 0 ? [] : [name])))
      for (const { oid, objectType, name, original, normal } of event.objects) {
        if (isTemporary(name) || name.includes('pg_toast.')) continue
        // A relation's row type and its array go with it and say nothing.
        if (objectType === 'type' && oid === 0 && !original && relations.has(name.replace(/\[\]$/, ''))) continue
        if (original) named.push({ objectType, name })
        else cascaded.push({ objectType, name, cascaded: true, ...(normal && { dependent: true }) })
      }
    }
  }
  return {
    created: [...created.values()],
    altered: [...altered].flatMap(([key, object]) => (created.has(key) ? [] : [object])),
    dropped: [...named, ...cascaded],
  }
}

function lockModesOf(relation: LockedRelation): LockMode[] {
  return relation.modes.flatMap((mode) => lockModeFromCatalog(mode) ?? [])
}

function strongest(modes: readonly LockMode[]): LockMode | undefined {
  return modes.reduce<LockMode | undefined>(
    (found, mode) => (found === undefined || compareLockModes(mode, found) > 0 ? mode : found),
    undefined,
  )
}

/**
 * Reading or writing a table locks its indexes and sequences weakly too; that stops nobody that the table's lock would
 * not stop.
 */
function isTold(kind: string, mode: LockMode): boolean {
  return isTable(kind) || kind === 'v' || kind === 'f' || compareLockModes(mode, 'ROW EXCLUSIVE') > 0
}

function isTable(kind: string): boolean {
  return kind === 'r' || kind === 'p' || kind === 'm'
}

function isTemporary(name: string): boolean {
  return name.startsWith('pg_temp')
}

function byRelation(a: RelationLock, b: RelationLock): number {
  return a.relation < b.relation ? -1 : a.relation > b.relation ? 1 : 0
}
