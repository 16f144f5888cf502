import type { Catalog } from '../findings/catalog.ts'
import type { StatementTrace } from '../findings/observation.ts'
import { findInstallation } from '../postgres/shadow/installation.ts'
import { readVersion } from '../version.ts'
import { chainHashes, hashAfter } from './chain.ts'
import { addEvidence, evidencePath, readEvidence } from './evidence-cache.ts'
import { recorderVersion } from './recorder.ts'
import type { SessionSettings } from './replay-session.ts'
import { traceOnShadow } from './shadow-run.ts'
import { editVersion } from './statement-edit.ts'
import { planStubs, stubVersion } from './stubs.ts'
import type { StubPlan } from './stubs.ts'
import { isSyntaxError, statementsOf } from './trace-request.ts'
import type { TraceRequest } from './trace-request.ts'

/** What a history did on a shadow server. */
export interface HistoryTrace {
  major: number
  /** Exact version of the server: `17.10`. */
  server: string
  /** In the request's order. `statements` is empty for a file that does not parse. */
  files: { file: string; statements: StatementTrace[] }[]
  /** The schema that the history leaves. */
  catalog: Catalog
  /** Whether every statement ran: only then is absence from `catalog` absence. */
  complete: boolean
  /** False when a limit decided what was seen: another run may show something else. */
  repeatable: boolean
  /** What kei changed, skipped or stubbed so that the history could run, once each. */
  notices: string[]
}

/**
 * Runs a history on a shadow server and records what each statement does. The longest prefix that is known already is
 * not run again; when all of it is known, no server is needed.
 *
 * It never fails because of a statement: what cannot be traced is told in its `StatementTrace`.
 * @throws KeiError as `acquireShadow`; `invalid-config`; `trace-setup-failed`; `interrupted`; `shadow-lost`;
 * `statement-cannot-be-stopped`
 */
export async function traceHistory(request: TraceRequest): Promise<HistoryTrace> {
  const { major, layout, migrations } = request
  const server = findInstallation(major).version
  const statements = migrations.flatMap((migration) => statementsOf(migration))
  const texts = migrations.map(({ section }) => section.text)
  const stubs = planStubs(layout, texts, statements)
  const searchPath = request.searchPath ?? stubs.searchPath
  const settings: SessionSettings = {
    ...(request.timeZone !== undefined && { timeZone: request.timeZone }),
    ...(searchPath !== undefined && { searchPath }),
  }
  const base = [
    { recorderVersion, editVersion, stubVersion, kei: readVersion(), server, layout, settings, setup: request.setup },
    { stubs, code: request.code, limits: request.limits },
  ]
  const chain = chainHashes(
    base,
    migrations.map(({ file, section }) => ({ file, mode: section.mode, text: section.text })),
  )
  const path = evidencePath(request.cacheFolder, request)
  const evidence = await readEvidence(path)

  const tip = hashAfter(chain, migrations.length)
  const unknown = chain.slice(1).findIndex((hash) => !evidence.files.has(hash))
  let catalog = evidence.catalogs.get(tip)
  let repeatable = true
  if (unknown !== -1 || catalog === undefined) {
    const known = unknown === -1 ? migrations.length : unknown
    const run = await traceOnShadow({ request, stubs, settings, chain, known }, evidence.files, async (traced) => {
      const added = { files: traced.files, catalogs: new Map([[tip, traced.catalog]]) }
      if (traced.repeatable) await addEvidence(path, evidence, added, new Set(chain))
    })
    repeatable = run.repeatable
    for (const [hash, file] of run.files) evidence.files.set(hash, file)
    catalog = run.catalog
  }

  const runs = chain.slice(1).map((hash) => evidence.files.get(hash)?.traces ?? [])
  const files = migrations.map(({ file }, index) => ({ file, statements: runs[index] ?? [] }))
  const traces = runs.flat()
  return {
    major,
    server,
    files,
    catalog,
    complete:
      traces.every(({ status }) => status === 'traced') &&
      !migrations.some((migration) => isSyntaxError(migration.statements)),
    repeatable,
    notices: noticesOf(stubs, traces),
  }
}

function noticesOf(stubs: StubPlan, traces: readonly StatementTrace[]): string[] {
  const counts = new Map<string, number>()
  const count = (text: string) => counts.set(text, (counts.get(text) ?? 0) + 1)
  for (const trace of traces) {
    if (trace.status === 'skipped') count(`Not run: ${trace.cause}`)
    else if (trace.status === 'traced' && trace.edited !== undefined) count(`Changed before it ran: ${trace.edited}`)
  }
  const counted = [...counts].map(([text, times]) => (times === 1 ? `${text}.` : `${text} (${times} statements).`))
  return [...stubs.notices, ...counted]
}
