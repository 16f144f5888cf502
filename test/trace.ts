import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { cacheFolder } from '../src/config/cache-folder.ts'
import type { StatementTrace } from '../src/findings/observation.ts'
import { loadParser } from '../src/sql/parse.ts'
import type { TransactionMode } from '../src/sql/transactions.ts'
import { evidencePath } from '../src/trace/evidence-cache.ts'
import { traceHistory } from '../src/trace/history.ts'
import type { HistoryTrace } from '../src/trace/history.ts'
import type { TraceMigration, TraceRequest } from '../src/trace/trace-request.ts'

process.env['KEI_SHADOW_IDLE'] ??= '30'

/** A history written in a test: its texts by file name, in order; `1.down.sql` is the way back of `1.sql`. */
export type History = Record<string, string>

export type TraceOptions = Partial<Omit<TraceRequest, 'migrations'>> & { mode?: TransactionMode }

/** The migrations of a history, parsed. */
export async function migrationsOf(history: History, mode: TransactionMode = 'grouped'): Promise<TraceMigration[]> {
  const parser = await loadParser()
  const sectionOf = (file: string, text: string) => ({ text, section: { file, text, start: 0, mode } })
  return Object.entries(history).flatMap(([file, text]) => {
    if (file.endsWith('.down.sql')) return []
    const parsed = parser.parse(text)
    const downFile = file.replace('.sql', '.down.sql')
    const down = history[downFile]
    const back = parser.parse(down ?? '')
    if (back.kind !== 'parsed') throw new Error(`${downFile}: ${back.message}`)
    return {
      file,
      ...sectionOf(file, text),
      statements: parsed.kind === 'parsed' ? parsed.statements : parsed,
      ...(down !== undefined && { down: { ...sectionOf(downFile, down), statements: back.statements } }),
    }
  })
}

/** Traces a history on a server that all test files share, in a folder of its own unless one is given. */
export async function traceOf(history: History, { mode, ...options }: TraceOptions = {}): Promise<HistoryTrace> {
  const folder = options.folder ?? newFolder()
  // What is kept of the same texts for another folder belongs to another role.
  const apart = options.folder === undefined && { setup: [`select '${folder}'`, ...(options.setup ?? [])] }
  const request = {
    major: 17,
    project: 'the tests of kei',
    cacheFolder: cacheFolder(),
    layout: 'kei',
    ...options,
    ...apart,
    folder,
    migrations: await migrationsOf(history, mode),
  }
  try {
    return await traceHistory(request)
  } finally {
    if (options.folder === undefined) forget(folder, request.major)
  }
}

/** A folder's name that no other test has. */
export function newFolder(): string {
  return `test-${randomBytes(8).toString('hex')}`
}

/** Removes the evidence of a folder. */
export function forget(folder: string, major = 17): void {
  rmSync(evidencePath(cacheFolder(), { project: 'the tests of kei', folder, major }), { force: true })
}

/** The traces of one file. */
export function tracesOf(trace: HistoryTrace, file: string): StatementTrace[] {
  return trace.files.find((each) => each.file === file)?.statements ?? []
}

/** What each statement of a file came to, with the cause where there is one: `traced`, `failed: … (42P01)`. */
export function outcomesOf(trace: HistoryTrace, file: string): string[] {
  return tracesOf(trace, file).map((each) => {
    if (each.status === 'traced') return 'traced'
    const sqlstate = each.status === 'failed' && each.sqlstate !== undefined ? ` (${each.sqlstate})` : ''
    return `${each.status}: ${each.cause}${sqlstate}`
  })
}
