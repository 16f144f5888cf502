import { lockModes, lockModesConflict } from '../../findings/lock-mode.ts'
import { textNameOf } from '../../sql/identifier.ts'
import type { Parser } from '../../sql/parse.ts'
import { emptyDraft, ownerOfIndex } from '../../sql/schema-draft.ts'
import type { SchemaDraft } from '../../sql/schema-draft.ts'
import { foldStatement } from '../../sql/schema-fold.ts'
import { whomItBlocks } from '../effect.ts'
import { supportedMajors } from '../rule.ts'
import type { LockShape } from './lock-shape.ts'
import { lockFamilies } from './lock-table.ts'

/** docs/reference/locks.md: every row of the lock table, by family. */
export function locksPage(parser: Parser): string {
  const families = lockFamilies.map(({ title, shapes }) => {
    const rows = Object.entries(shapes).map(([name, shape]) => rowText(parser, name, shape))
    return [`## ${title}`, ['| ' + columns.join(' | ') + ' |', '|---'.repeat(columns.length) + '|', ...rows].join('\n')]
  })
  return `${[opening, modesText(), ...families.flat()].join('\n\n')}\n`
}

const columns = [
  'Statement',
  'Measured as',
  'Lock on its table',
  'Locks on others',
  'Rewrite',
  'Full read',
  'PostgreSQL',
]

const opening = `# Locks

What ${lockFamilies.reduce((count, { shapes }) => count + Object.keys(shapes).length, 0)} shapes of statement lock, \
rewrite and read. Every test run of kei measures each row anew on real servers of the versions named and fails where \
one shows anything else; rules without a trace speak by this table. It is written by \`scripts/generate-rules.js\` \
from \`src/rules/lock-table\`, where the setup of each row stands.

- **Lock**: the strongest mode that the statement takes; a transaction keeps it to its end. A statement that cannot run \
in a transaction takes its locks one after the other, and waits for other sessions in between. \`t\` is the statement’s \
own table; what the statement itself makes is left out, nobody else sees it yet. An index is named where its lock is \
stronger than that on its table.
- **Rewrite**: the table, a partition or an inheritor of it gets new storage, with all its rows.
- **Full read**: the server counts a sequential scan of one of these. It counts neither what VACUUM and ANALYZE read \
nor the copying of files by SET TABLESPACE.

The modes are those of the manual, [Explicit Locking]\
(https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES), strongest first. A statement that waits \
for its lock makes everyone wait already who comes after it and wants a conflicting one.`

function modesText(): string {
  const rows = lockModes.toReversed().map((mode) => {
    const waiting = lockModes.filter((other) => lockModesConflict(mode, other))
    return `| ${mode} | ${whomItBlocks(mode)} | ${waiting.join(', ')} |`
  })
  return ['| Mode | Keeps waiting | that is, these modes |', '|---|---|---|', ...rows].join('\n')
}

function rowText(parser: Parser, name: string, shape: LockShape): string {
  const { statement, majors = supportedMajors, fails } = shape
  const seen =
    fails === undefined
      ? [shape.locks['public.t'] ?? 'none', othersText(parser, shape), yesOrNo(shape.rewrite), scanText(parser, shape)]
      : [`refused with SQLSTATE ${fails}`, '', '', '']
  const cells = [name, `\`${statement}\``, ...seen, majors.join(', ')]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function othersText(parser: Parser, shape: LockShape): string {
  const others = Object.entries(shape.locks).filter(([name]) => name !== 'public.t')
  const words = relationWords(parser, shape)
  return others.map(([name, mode]) => `${mode} on ${words(name)}`).join('; ')
}

function scanText(parser: Parser, shape: LockShape): string {
  const { scan, otherScans = [] } = shape
  if (otherScans.length === 0) return yesOrNo(scan)
  const others = otherScans.map(relationWords(parser, shape)).join(' and ')
  return scan ? `yes, and of ${others}` : `of ${others}`
}

function yesOrNo(value: boolean): string {
  return value ? 'yes' : 'no'
}

/** What each relation is to `t`, in words, as the text shows it before the statement, or else after it. */
function relationWords(parser: Parser, { setup, statement }: LockShape): (printed: string) => string {
  const before = draftOf(parser, setup)
  const after = draftOf(parser, `${setup};${statement}`)
  return (printed) => {
    const name = textNameOf(printed)
    return tieToT(before, name) ?? tieToT(after, name) ?? `the ${kindOf(before, name)} \`${name}\``
  }
}

function draftOf(parser: Parser, text: string): SchemaDraft {
  const parsed = parser.parse(text)
  if (parsed.kind !== 'parsed') throw new Error(`${parsed.message}: ${text}`)
  const draft = emptyDraft()
  const migration = { file: '', text, released: false, statements: parsed.statements }
  for (const statement of parsed.statements) foldStatement(draft, statement, migration)
  return draft
}

function tieToT(draft: SchemaDraft, name: string): string | undefined {
  const own = draft.tables.get('t')
  const table = draft.tables.get(name)
  if (table?.partitionOf === 't') return table.defaultPartition ? 'the DEFAULT partition' : 'the partition'
  if (own?.partitionOf === name) return 'the partitioned table'
  if (own?.foreignKeys.some((key) => key.referencedTable === name)) return 'the referenced table'
  if (table?.foreignKeys.some((key) => key.referencedTable === 't')) return 'the referencing table'
  return undefined
}

function kindOf(draft: SchemaDraft, name: string): string {
  // The server's own names, which text does not show.
  if (ownerOfIndex(draft, undefined, name) !== undefined || name.endsWith('_idx')) return 'index'
  return draft.tables.get(name)?.kind ?? 'relation'
}
