import { nameParts, textNameOf } from '../../sql/identifier.ts'
import type { NamedObjects } from '../../sql/named-objects.ts'
import { changedObjects, namedObjects } from '../../sql/named-objects.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import { observationOf } from '../observed.ts'
import type { MigrationSubject, StatementSubject } from '../subject.ts'
import { kindOf, roleOf } from './statement-kind.ts'

/** Statements of one file that belong together: they touch the same objects, directly or through one another. */
export interface ChangeGroup {
  statements: StatementSubject[]
  /** The objects it creates, alters or drops, in the file's order. */
  subjects: string[]
}

/**
 * The unrelated changes of a file: connected components of its statements over the objects that they name (from the
 * text) and touch (from the trace: locks, created, altered, dropped), components of the same kinds counted as one.
 * Groups that change no schema (data, comments, grants on their own) are left out.
 */
export function changeGroups(migration: MigrationSubject): ChangeGroup[] {
  const named = migration.statements.map((subject) => namedObjects(subject.statement))
  const inFile = new Set(named.flatMap((objects) => objects.subjects))
  const sets = disjointSets()
  migration.statements.forEach((subject, position) => {
    const own = `#${position}`
    for (const object of touched(subject, named[position] ?? { subjects: [], mentions: [], code: [] }, inFile)) {
      sets.join(own, object)
    }
  })
  const byRoot = new Map<string, ChangeGroup>()
  migration.statements.forEach((subject, position) => {
    const root = sets.find(`#${position}`)
    const group = byRoot.get(root) ?? { statements: [], subjects: [] }
    byRoot.set(root, group)
    group.statements.push(subject)
    if (!changesSchema(subject)) return
    for (const object of subjectsOf(subject, named[position]))
      if (!group.subjects.includes(object)) group.subjects.push(object)
  })
  return mergeSameKinds([...byRoot.values()].filter((group) => group.statements.some(changesSchema)))
}

/** Whether all changes of the file are to one object, as those of most files are: then they are one group. */
export function isOneChange({ statements }: MigrationSubject): boolean {
  const [first, ...others] = statements.filter(changesSchema).map(({ statement }) => changedObjects(statement))
  return first?.some((object) => others.every((objects) => objects.includes(object))) ?? false
}

export function changesSchema(subject: StatementSubject): boolean {
  if (roleOf(subject.statement) === 'change') return true
  const observation = roleOf(subject.statement) === 'other' ? observationOf(subject) : undefined
  return (
    observation !== undefined &&
    observation.created.length + observation.altered.length + observation.dropped.length > 0
  )
}

function subjectsOf(subject: StatementSubject, named: NamedObjects | undefined): string[] {
  if (named !== undefined && named.subjects.length > 0) return named.subjects
  const observation = observationOf(subject)
  return [...(observation?.created ?? []), ...(observation?.altered ?? []), ...(observation?.dropped ?? [])]
    .filter(
      (object) => object.objectType === 'table' || object.objectType === 'function' || object.objectType === 'type',
    )
    .map((object) => textNameOf(object.name))
}

function touched(subject: StatementSubject, named: NamedObjects, inFile: ReadonlySet<string>): string[] {
  // A relation connects wherever it is named. A type, function or schema connects only where the file changes it:
  // everything uses text and now().
  const connects = (object: string) => (/^(?:type|function|schema):/.test(object) ? inFile.has(object) : true)
  const objects = [...named.subjects, ...named.mentions.filter(connects)]
  // DROP INDEX and ALTER INDEX name the index alone; it belongs to its table.
  const { indexTables } = subject.migration.history.schema
  for (const object of named.subjects) objects.push(...(indexTables.get(unqualified(object)) ?? []))
  for (const code of named.code) {
    const words = new Set(code.match(/[\p{L}_][\p{L}\p{N}_$]*/gu))
    for (const object of inFile) if (words.has(object.replace(/^.*[.:]/, ''))) objects.push(object)
  }
  const observation = observationOf(subject)
  if (observation) {
    const { locks, created, altered, dropped } = observation
    objects.push(...locks.map((lock) => textNameOf(lock.relation)))
    for (const { objectType, name } of [...created, ...altered, ...dropped]) {
      const parts = nameParts(name)
      if (objectType === 'table' || objectType === 'view' || objectType === 'index' || objectType === 'sequence') {
        objects.push(textNameOf(name))
      } else if (objectType === 'type') objects.push(`type:${parts.at(-1) ?? name}`)
    }
  }
  return objects
}

/** Joins groups that make the same kinds of change, or one whose kinds are among another's. */
function mergeSameKinds(groups: readonly ChangeGroup[]): ChangeGroup[] {
  const merged: { group: ChangeGroup; kinds: Set<string> | undefined }[] = []
  for (const group of groups) {
    const kinds = kindsOf(group)
    const same =
      kinds && merged.find((other) => other.kinds && (isSubset(kinds, other.kinds) || isSubset(other.kinds, kinds)))
    if (same?.kinds) {
      same.group.statements.push(...group.statements)
      same.group.subjects.push(...group.subjects)
      for (const kind of kinds ?? []) same.kinds.add(kind)
    } else {
      merged.push({ group: { statements: [...group.statements], subjects: [...group.subjects] }, kinds })
    }
  }
  return merged.map(({ group }) => group)
}

/** The kinds of a group's changes; undefined when one of them is a change of its own. */
function kindsOf(group: ChangeGroup): Set<string> | undefined {
  const kinds = new Set<string>()
  for (const subject of group.statements) {
    if (!changesSchema(subject)) continue
    const kind = kindOf(subject.statement)
    if (kind === undefined) return undefined
    kinds.add(kind)
  }
  return kinds
}

function isSubset(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return [...a].every((each) => b.has(each))
}

interface DisjointSets {
  find(element: string): string
  join(a: string, b: string): void
}

function disjointSets(): DisjointSets {
  const parents = new Map<string, string>()
  const find = (element: string): string => {
    let root = element
    for (let next = parents.get(root); next !== undefined; next = parents.get(root)) root = next
    for (let at = element; at !== root;) {
      const next = parents.get(at) ?? root
      parents.set(at, root)
      at = next
    }
    return root
  }
  return {
    find,
    join(a, b) {
      const rootA = find(a)
      const rootB = find(b)
      if (rootA !== rootB) parents.set(rootA, rootB)
    },
  }
}
