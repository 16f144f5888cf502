import type { Catalog } from '../findings/catalog.ts'
import type { StatementTrace } from '../findings/observation.ts'
import { newMigration } from '../project/layouts/new-migration.ts'
import type { MigrationFile, MigrationFolder } from '../project/migration-file.ts'
import type { HistorySubject, MigrationSubject, UnreadableSubject } from '../rules/subject.ts'
import type { Parser, SqlSyntaxError } from '../sql/parse.ts'
import { redactServerMessage } from '../sql/redact.ts'
import { readSchema } from '../sql/schema-text.ts'
import type { Statement } from '../sql/statement.ts'
import { groupStatements } from '../sql/transactions.ts'
import type { StatementGroup } from '../sql/transactions.ts'
import { readIgnores } from './ignores.ts'
import type { FileIgnores } from './ignores.ts'

/** A migration with its statements; one with a syntax error has none. */
export interface ParsedMigration {
  migration: MigrationFile
  statements: Statement[]
  groups: StatementGroup[]
  syntaxError?: SqlSyntaxError
}

/** What a trace showed of a folder. */
export interface TracedFolder {
  catalog: Catalog
  complete: boolean
  /** By statement index. */
  statements(file: string): readonly StatementTrace[] | undefined
}

/** A folder, parsed. */
export interface ParsedFolder {
  folder: MigrationFolder
  migrations: ParsedMigration[]
  unreadable: UnreadableSubject[]
  ignores: FileIgnores[]
}

/** Parses every migration of a folder. */
export function parseFolder(parser: Parser, folder: MigrationFolder): ParsedFolder {
  const ignores: FileIgnores[] = []
  const unreadable: UnreadableSubject[] = folder.unreadable.map(({ path, code, message }) => ({
    file: path,
    code,
    message,
  }))
  const migrations = folder.migrations.map((migration): ParsedMigration => {
    const { up, text } = migration
    const parsed = parser.parse(up.text, up.start)
    if (parsed.kind === 'syntax-error') {
      unreadable.push({
        file: up.file,
        code: 'syntax-error',
        message: redactServerMessage(parsed.message, text.slice(Math.max(0, parsed.offset - 200), parsed.offset)),
        at: { start: parsed.offset, end: parsed.end },
        text,
      })
      return { migration, statements: [], groups: [], syntaxError: parsed }
    }
    const { statements } = parsed
    const read = readIgnores(parser, up.file, text, up, statements)
    if (read.ignores.length > 0) ignores.push(read)
    return { migration, statements, groups: groupStatements(statements, up.mode) }
  })
  return { folder, migrations, unreadable, ignores }
}

/**
 * A folder as the rules see it, with what a trace showed where there was one.
 * `trace` gives the statement traces of a file; a file that it does not know was not traced.
 */
export function historySubject(parsed: ParsedFolder, trace?: TracedFolder): HistorySubject {
  const { folder } = parsed
  const history: HistorySubject = {
    folder: folder.path,
    layout: folder.layout,
    migrations: [],
    schema: readSchema(
      parsed.migrations.map(({ migration, statements }) => ({
        file: migration.path,
        text: migration.text,
        released: migration.released,
        statements,
      })),
    ),
    ...(trace && { catalog: trace.catalog }),
    complete: trace?.complete ?? false,
    newMigration: (draft, after = folder.migrations.at(-1)?.version) => newMigration(folder, after, draft),
  }
  history.migrations = parsed.migrations.map(({ migration, statements, groups }, index) => {
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
      history,
    }
    const traces = trace?.statements(migration.path)
    subject.statements = statements.map((statement) => {
      const seen = traces?.[statement.index]
      return { statement, migration: subject, ...(seen && { trace: seen }) }
    })
    return subject
  })
  return history
}
