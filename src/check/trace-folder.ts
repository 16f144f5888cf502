import type { PostgresMajor } from '../config/config.ts'
import { KeiError } from '../errors.ts'
import type { NotTraced } from '../findings/report.ts'
import type { Project } from '../project/discover.ts'
import { positionsOf } from '../sql/positions.ts'
import { redactServerMessage } from '../sql/redact.ts'
import { traceHistory } from '../trace/history.ts'
import type { HistoryTrace } from '../trace/history.ts'
import { configuredTrace } from '../trace/project-settings.ts'
import type { ParsedFolder, TracedFolder } from './read-folder.ts'

/** What a trace showed of a folder, and what it could not. */
export interface FolderTrace {
  /** Absent when there was no server to run it on. */
  traced?: TracedFolder
  server?: string
  notTraced: NotTraced[]
  notices: string[]
  /** False when a limit decided what was seen. */
  repeatable: boolean
}

/**
 * Runs a folder's history on a shadow server. Without a server of that major the check goes on by the text alone, and
 * says so.
 */
export async function traceFolder(
  project: Project,
  parsed: ParsedFolder,
  major: PostgresMajor,
  { signal, say }: { signal: AbortSignal | undefined; say: (text: string) => void },
): Promise<FolderTrace> {
  const { folder, migrations } = parsed
  const firstNew = migrations.findIndex(({ migration }) => !migration.released)
  let trace: HistoryTrace
  try {
    trace = await traceHistory({
      ...configuredTrace(project),
      major,
      folder: folder.path,
      layout: folder.layout,
      migrations: migrations.map(({ migration, statements, syntaxError, down }) => ({
        file: migration.path,
        text: migration.text,
        section: migration.up,
        statements: syntaxError ?? statements,
        ...(down && { down }),
      })),
      code: folder.code.map(({ path }) => path),
      ...(firstNew > 0 && { checkpoint: firstNew }),
      onProgress: ({ message, done, total }) => say(total > 0 ? `Tracing ${done + 1}/${total} ${message}` : message),
      ...(signal && { signal }),
    })
  } catch (error) {
    if (!(error instanceof KeiError) || error.code !== 'postgres-server-not-found') throw error
    return withoutServer(parsed, error)
  }
  const byFile = new Map(trace.files.map((each) => [each.file, each]))
  return {
    traced: {
      catalog: trace.catalog,
      complete: trace.complete && folder.unreadable.length === 0 && folder.code.length === 0,
      statements: (file) => byFile.get(file)?.statements,
      roundTrip: (file) => byFile.get(file)?.roundTrip,
    },
    server: trace.server,
    notTraced: notTracedOf(parsed, trace),
    notices: [...codeNotices(parsed), ...trace.notices],
    repeatable: trace.repeatable,
  }
}

function notTracedOf(parsed: ParsedFolder, trace: HistoryTrace): NotTraced[] {
  return parsed.migrations.flatMap(({ migration, statements }, index) => {
    const traces = trace.files[index]?.statements ?? []
    const positions = positionsOf(migration.text)
    return statements.flatMap((statement): NotTraced[] => {
      const seen = traces[statement.index]
      if (seen?.status === 'traced') return []
      return [
        {
          file: migration.path,
          line: positions(statement.start).line,
          cause: redactServerMessage(seen?.cause ?? 'it was not run'),
          ...(seen?.status === 'not-reached' && { root: seen.root }),
        },
      ]
    })
  })
}

function codeNotices({ folder }: ParsedFolder): string[] {
  if (folder.code.length === 0) return []
  const [first] = folder.code
  const rest = folder.code.length - 1
  return [
    `${first?.path ?? ''}${rest > 0 ? ` and ${rest} more` : ''}: a migration written as code; kei does not run it, so ` +
      'what it makes is missing on the shadow server.',
  ]
}

function withoutServer(parsed: ParsedFolder, error: KeiError): FolderTrace {
  const cause = 'there is no server to run it on'
  return {
    notTraced: parsed.migrations.flatMap(({ migration, statements }) => {
      const positions = positionsOf(migration.text)
      return statements.map((statement) => ({ file: migration.path, line: positions(statement.start).line, cause }))
    }),
    notices: [`${error.message} Nothing was run: judged by the text alone. ${error.hint ?? ''}`.trim()],
    repeatable: true,
  }
}
