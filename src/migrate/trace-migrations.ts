import type { PostgresMajor } from '../config/config.ts'
import type { Statement } from '../sql/statement.ts'
import { traceHistory } from '../trace/history.ts'
import type { HistoryTrace } from '../trace/history.ts'
import { configuredTrace } from '../trace/project-settings.ts'
import type { TraceRequest } from '../trace/trace-request.ts'
import type { Migration } from './migration.ts'
import type { MigrationFiles } from './read-migrations.ts'

/** An up file, or as much of it as is to be run. */
export interface UpScript {
  migration: Migration
  /** The file's text up to where it is run. */
  text: string
  statements: readonly Statement[]
}

export interface MigrationTraceOptions extends Pick<
  TraceRequest,
  'timeZone' | 'searchPath' | 'checkpoint' | 'whole' | 'signal'
> {
  major: PostgresMajor
  /** Called with what is going on. */
  onProgress?: ((text: string) => void) | undefined
}

/**
 * Runs up files on a shadow server, as the project's configuration says; time zone and search path of the options hold
 * where it says nothing.
 * @throws KeiError as `traceHistory` and `configuredTrace`
 */
export function traceMigrations(
  source: MigrationFiles,
  scripts: readonly UpScript[],
  { onProgress, ...options }: MigrationTraceOptions,
): Promise<HistoryTrace> {
  return traceHistory({
    ...options,
    ...configuredTrace(source),
    folder: source.folder,
    layout: 'kei',
    migrations: scripts.map(({ migration: { up }, text, statements }) => ({
      file: up.file,
      text: up.text,
      section: {
        file: up.file,
        text,
        start: 0,
        mode: up.header.transaction === 'none' ? 'statement' : 'grouped',
      },
      statements,
    })),
    onProgress: ({ message, done, total }) =>
      onProgress?.(total > 0 ? `Tracing ${done + 1}/${total} ${message}` : message),
  })
}
