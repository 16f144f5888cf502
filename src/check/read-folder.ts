import type { Catalog } from '../findings/catalog.ts'
import type { StatementTrace } from '../findings/observation.ts'
import type { RoundTrip } from '../findings/round-trip.ts'
import { newMigration, newMigrations } from '../project/layouts/new-migration.ts'
import type { MigrationFile, MigrationFolder, Section } from '../project/migration-file.ts'
import type {
  DownSubject,
  HistorySubject,
  MigrationSubject,
  ReleasedChanges,
  StatementSubject,
  UnreadableSubject,
} from '../rules/subject.ts'
import { readHeader } from '../sql/file-header.ts'
import type { Parser, SqlSyntaxError } from '../sql/parse.ts'
import { redactServerMessage } from '../sql/redact.ts'
import { readSchema, schemaReader } from '../sql/schema-text.ts'
import type { Statement } from '../sql/statement.ts'
import { groupStatements } from '../sql/transactions.ts'
import type { StatementGroup } from '../sql/transactions.ts'
import { readIgnores } from './ignores.ts'
import type { FileIgnores } from './ignores.ts'
import { tracesOfInner } from './inner-trace.ts'
import { codeReader } from './read-code.ts'
import type { StatementCode } from './read-code.ts'

/** A migration with its statements; one with a syntax error has none. */
export interface ParsedMigration {
  migration: MigrationFile
  statements: Statement[]
  /** What the code of those that have some does. */
  code: ReadonlyMap<Statement, StatementCode>
  groups: StatementGroup[]
  syntaxError?: SqlSyntaxError
  /** As `MigrationSubject.down`. */
  down?: ParsedDown
}

export interface ParsedDown {
  section: Section
  /** The decoded text of the whole file that it stands in. */
  text: string
  statements: Statement[]
}

/** What a trace showed of a folder. */
export interface TracedFolder {
  catalog: Catalog
  complete: boolean
  /** By statement index. */
  statements(file: string): readonly StatementTrace[] | undefined
  roundTrip(file: string): RoundTrip | undefined
}

/** A folder, parsed. */
export interface ParsedFolder {
  folder: MigrationFolder
  migrations: ParsedMigration[]
  unreadable: UnreadableSubject[]
  ignores: FileIgnores[]
}

/** Parses every migration of a folder, and the way back of those where it can still be changed. */
export function parseFolder(parser: Parser, folder: MigrationFolder): ParsedFolder {
  const ignores: FileIgnores[] = []
  const unreadable: UnreadableSubject[] = folder.unreadable.map(({ path, code, message }) => ({
    file: path,
    code,
    message,
  }))

  const readCode = codeReader(parser)

  /** `text` is that of the section's whole file. */
  function parseSection(section: Section, text: string): Statement[] | SqlSyntaxError {
    const parsed = parser.parse(section.text, section.start)
    if (parsed.kind === 'syntax-error') {
      unreadable.push({
        file: section.file,
        code: 'syntax-error',
        message: redactServerMessage(parsed.message, text.slice(Math.max(0, parsed.offset - 200), parsed.offset)),
        at: { start: parsed.offset, end: parsed.end },
        text,
      })
      return parsed
    }
    return parsed.statements
  }

  function noteIgnores(
    section: Section,
    text: string,
    statements: readonly Statement[],
    code: ReadonlyMap<Statement, StatementCode>,
  ): void {
    const read = readIgnores(parser, section.file, text, section, statements, code)
    if (read.ignores.length > 0) ignores.push(read)
  }

  const migrations = folder.migrations.map((migration): ParsedMigration => {
    const { up, text } = migration
    const parsed = parseSection(up, text)
    const statements = Array.isArray(parsed) ? parsed : []
    const code = readCode({ file: up.file, text, statements })
    if (Array.isArray(parsed)) noteIgnores(up, text, statements, code)
    const down = migration.released || isIrreversible(migration) ? undefined : migration.down
    const downText = down?.file === up.file ? text : (down?.text ?? '')
    const back = down && parseSection(down, downText)
    if (down && Array.isArray(back)) noteIgnores(down, downText, back, new Map())
    return {
      migration,
      statements,
      code,
      groups: groupStatements(statements, up.mode),
      ...(!Array.isArray(parsed) && { syntaxError: parsed }),
      ...(down && Array.isArray(back) && { down: { section: down, text: downText, statements: back } }),
    }
  })
  return { folder, migrations, unreadable, ignores }
}

/**
 * A folder as the rules see it, with what a trace showed where there was one.
 * `trace` gives the statement traces of a file; a file that it does not know was not traced.
 */
export function historySubject(parsed: ParsedFolder, trace?: TracedFolder, released?: ReleasedChanges): HistorySubject {
  const { folder } = parsed
  const texts = parsed.migrations.map(({ migration, statements, code }) => ({
    file: migration.path,
    text: migration.text,
    released: migration.released,
    statements,
    certain: (statement: Statement) => code.get(statement)?.certain,
  }))
  const numbers = new Map(texts.map(({ file }, index) => [file, index]))
  const schemaBefore = schemaReader(texts)
  // What Flyway repeats has no number, and comes last.
  const last = folder.migrations.findLast(({ version }) => /^\d/.test(version))?.version
  const history: HistorySubject = {
    folder: folder.path,
    layout: folder.layout,
    ...(folder.sum && { sum: folder.sum }),
    migrations: [],
    schema: readSchema(texts),
    before({ statement, migration, within }) {
      return schemaBefore(numbers.get(migration.file) ?? 0, within?.statement.index ?? statement.index)
    },
    ...(trace && { catalog: trace.catalog }),
    complete: trace?.complete ?? false,
    ...(released && { released }),
    newMigration: (draft, after = last) => newMigration(folder, after, draft),
    newMigrations: (drafts) => newMigrations(folder, last, drafts),
  }
  history.migrations = parsed.migrations.map(({ migration, statements, code, groups, down }, index) => {
    const subject: MigrationSubject = {
      file: migration.path,
      layout: migration.layout,
      version: migration.version,
      name: migration.name,
      first: index === 0,
      released: migration.released,
      text: migration.text,
      statements: [],
      mode: migration.up.mode,
      groups,
      ...(down && { down: downSubject(down, trace?.roundTrip(migration.path)) }),
      wayBack: wayBackOf(migration),
      history,
    }
    const traces = trace?.statements(migration.path)
    subject.statements = statements.map((statement) => {
      const seen = traces?.[statement.index]
      return statementSubject({ statement, migration: subject, ...(seen && { trace: seen }) }, code.get(statement))
    })
    return subject
  })
  return history
}

function isIrreversible({ layout, up }: MigrationFile): boolean {
  return layout === 'kei' && readHeader(up.text).header.irreversible !== undefined
}

function wayBackOf(migration: MigrationFile): MigrationSubject['wayBack'] {
  if (isIrreversible(migration)) return 'irreversible'
  if (migration.down === undefined && !canGoBack(migration)) return 'none'
  return migration.down === undefined || migration.down.text.trim() === '' ? 'missing' : 'written'
}

/** Prisma knows no way back, Atlas works it out by itself, and what Flyway repeats has none. */
function canGoBack({ layout, version }: MigrationFile): boolean {
  return layout !== 'prisma' && layout !== 'atlas' && !(layout === 'flyway' && !/^\d/.test(version))
}

function statementSubject(
  own: Pick<StatementSubject, 'statement' | 'migration' | 'trace'>,
  code: StatementCode | undefined,
): StatementSubject {
  const { statement, migration, trace } = own
  const subject: StatementSubject = {
    statement,
    migration,
    inner: [],
    dynamic: code?.dynamic ?? [],
    ...(trace && { trace }),
  }
  if (code === undefined) return subject
  const traces = tracesOfInner(own.trace, code)
  subject.inner = code.inner.map(({ statement, definedAt }, index) => {
    const trace = traces[index]
    return {
      statement,
      migration: own.migration,
      within: subject,
      inner: [],
      dynamic: [],
      ...(trace && { trace }),
      ...(definedAt && { definedAt }),
    }
  })
  return subject
}

function downSubject({ section, text, statements }: ParsedDown, roundTrip: RoundTrip | undefined): DownSubject {
  const { file, start, mode } = section
  const span = { start, end: start + section.text.length }
  return { file, text, span, statements, mode, ...(roundTrip && { roundTrip }) }
}
