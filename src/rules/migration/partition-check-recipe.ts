import { quoteIdentifier } from '../../sql/identifier.ts'
import { unqualified } from '../../sql/schema-draft.ts'
import { fileWords } from '../next-step.ts'
import { recipe } from '../recipe.ts'
import { nameInSql } from '../search-path.ts'
import type { Verdict } from '../rule.ts'
import type { MigrationDraft, StatementSubject } from '../subject.ts'
import { isFitProven } from './attached-partition.ts'
import type { AttachedPartition } from './attached-partition.ts'
import { boundCondition, defaultPartitionOf, wholeCondition } from './partitions.ts'

/** What the statement reads or builds of tables that others may be using; names as in the message. */
export interface AttachReads {
  /** The new partition, read to see that its rows fit. */
  child: string | undefined
  /** The DEFAULT partition. */
  rest: string | undefined
  /** The new partition, where it lacks indexes. */
  indexes: string | undefined
}

/** How to attach a partition without reading it, or the DEFAULT one, while it is locked. */
export function partitionCheckRecipe(
  subject: StatementSubject,
  attached: AttachedPartition,
  reads: AttachReads,
): Pick<Verdict & { kind: 'finding' }, 'next' | 'fixes'> {
  const { history } = subject.migration
  const { draft, bound } = attached
  const parent = draft.tables.get(attached.parent)
  const rest = defaultPartitionOf(draft, attached.parent)
  const own = parent && bound && boundCondition(history, parent, bound)
  const whole = parent && bound && wholeCondition(history, draft, parent, bound)
  const known = draft.tables.get(attached.child)
  const indexesFirst =
    reads.indexes === undefined
      ? ''
      : `First create on ${reads.indexes}, CONCURRENTLY, the indexes that ${attached.parent} has and it lacks, and ` +
        'make those of a primary key or unique constraint one with ADD CONSTRAINT … USING INDEX. '
  if (reads.child === undefined && reads.rest === undefined) {
    return { next: `${indexesFirst}ATTACH PARTITION then takes them as they are.` }
  }
  if (
    own === undefined ||
    whole === undefined ||
    bound === undefined ||
    (reads.rest !== undefined && rest === undefined)
  ) {
    return {
      next:
        `${indexesFirst}Add a CHECK … NOT VALID that says what the bound says, IS NOT NULL included, and its negation ` +
        'to the DEFAULT partition where there is one; validate them in a migration of their own, attach, then drop ' +
        'them. PostgreSQL shows the condition of a partition in pg_get_partition_constraintdef().',
    }
  }
  const child = {
    table: nameInSql(subject, attached.child),
    constraint: quoteIdentifier(`${unqualified(attached.child)}_bound`),
  }
  const words = fileWords(unqualified(attached.child))
  const checks: Check[] = []
  // One that the file makes is old by the time it is attached.
  if (reads.child !== undefined || known === undefined || !isFitProven(subject, attached, known)) {
    checks.push({ ...child, condition: whole })
  }
  if (reads.rest !== undefined && rest !== undefined) {
    const constraint = quoteIdentifier(`${unqualified(rest.name)}_without_${unqualified(attached.child)}`)
    checks.push({ table: nameInSql(subject, rest.name), constraint, condition: `NOT (${own})` })
  }
  const [first, ...others] = checks
  const table = nameInSql(subject, attached.parent)
  const dropped = checks.map((check) => `ALTER TABLE ${check.table} DROP CONSTRAINT ${check.constraint};`)
  const restored = checks.map(addValid)
  const steps: MigrationDraft[] = [
    ...others.map((check) => ({
      name: `check_${fileWords(check.constraint)}`,
      up: addNotValid(check),
      down: `ALTER TABLE ${check.table} DROP CONSTRAINT ${check.constraint};`,
      outsideTransaction: false,
    })),
    {
      name: `validate_${words}_bound`,
      up: checks.map((check) => `ALTER TABLE ${check.table} VALIDATE CONSTRAINT ${check.constraint};`).join('\n'),
      down: checks
        .map((check) => `ALTER TABLE ${check.table} DROP CONSTRAINT ${check.constraint};\n${addNotValid(check)}`)
        .join('\n'),
      outsideTransaction: false,
    },
    {
      name: `attach_${words}`,
      up: [`ALTER TABLE ${table} ATTACH PARTITION ${child.table} ${bound.text};`, ...dropped].join('\n'),
      down: [`ALTER TABLE ${table} DETACH PARTITION ${child.table};`, ...restored].join('\n'),
      outsideTransaction: false,
    },
  ]
  const made = recipe(subject, {
    title: 'Prove the bound by a CHECK before attaching',
    says: `${indexesFirst}Prove the bound by a CHECK that is validated while reads and writes go on, then attach.`,
    instead: first === undefined ? '' : addNotValid(first),
    then: steps,
  })
  return indexesFirst === '' ? made : { next: made.next }
}

interface Check {
  table: string
  constraint: string
  condition: string
}

function addNotValid(check: Check): string {
  return addValid(check).replace(/;$/, ' NOT VALID;')
}

function addValid({ table, constraint, condition }: Check): string {
  return `ALTER TABLE ${table} ADD CONSTRAINT ${constraint}\n  CHECK (${condition});`
}
