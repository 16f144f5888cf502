import type { Catalog, CatalogObject } from '../findings/catalog.ts'
import type { StatementTrace } from '../findings/observation.ts'
import type { RoundTrip } from '../findings/round-trip.ts'
import type { Privilege } from '../postgres/catalog/privileges.ts'
import { findInstallation } from '../postgres/shadow/installation.ts'
import { readVersion } from '../version.ts'
import { chainHashes, hashAfter } from './chain.ts'
import { addEvidence, evidencePath, readEvidence } from './evidence-cache.ts'
import { recorderVersion } from './recorder.ts'
import type { SessionSettings } from './replay-session.ts'
import { mostRoundTrips, planRoundTrips, roundTripKey, triedMigrations } from './round-trip.ts'
import { runRoundTrips } from './round-trip-run.ts'
import { traceOnShadow } from './shadow-run.ts'
import { editVersion } from './statement-edit.ts'
import { planStubs, stubVersion } from './stubs.ts'
import type { StubPlan } from './stubs.ts'
import { isSyntaxError, statementsOf } from './trace-request.ts'
import type { TraceMigration, TraceRequest } from './trace-request.ts'

/** What a history did on a shadow server. */
export interface HistoryTrace {
  major: number
  /** Exact version of the server: `17.10`. */
  server: string
  /** In the request's order. `statements` is empty for a file that does not parse. */
  files: { file: string; statements: StatementTrace[]; roundTrip?: RoundTrip }[]
  /** The schema that the history leaves. */
  catalog: Catalog
  /** Where it was asked for. */
  rest?: SchemaRest
  /** Whether every statement ran: only then is absence from `catalog` absence. */
  complete: boolean
  /** False when a limit decided what was seen: another run may show something else. */
  repeatable: boolean
  /** What kei changed, skipped or stubbed so that the history could run, once each. */
  notices: string[]
}

/** What a history leaves that no rule asks about. */
export interface SchemaRest {
  /** Of `readFurtherObjects`. */
  objects: CatalogObject[]
  privileges: Privilege[]
  /** The role that the history ran as. */
  owner: string
}

/**
 * Runs a history on a shadow server and records what each statement does; then, in another database, the migrations
 * that have a `down` up, down and up again. What is known already is not run again; when all of it is known, no server
 * is needed.
 *
 * It never fails because of a statement: what cannot be traced is told in its `StatementTrace`.
 * @throws KeiError as `acquireShadow`; `invalid-config`; `trace-setup-failed`; `interrupted`; `shadow-lost`;
 * `statement-cannot-be-stopped`
 */
export async function traceHistory(request: TraceRequest): Promise<HistoryTrace> {
  const { major, layout, migrations } = request
  const server = findInstallation(major).version
  const tried = triedMigrations(migrations)
  const downs = tried.flatMap((index) => migrations[index]?.down ?? [])
  const statements = [...migrations.map(statementsOf), ...downs.map((down) => down.statements)].flat()
  const texts = [...migrations, ...downs].map(({ section }) => section.text)
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
  // Without a main branch the round trips would begin with an empty database.
  const checkpoint = request.checkpoint ?? tried[0]
  const plan = { request: { ...request, ...(checkpoint !== undefined && { checkpoint }) }, stubs, settings, chain }
  const path = evidencePath(request.cacheFolder, request)
  const evidence = await readEvidence(path)
  const keys = migrations.map((migration, index) => roundTripKey(chain, index, migration))
  const inUse = new Set([...chain, ...tried.flatMap((index) => keys[index] ?? [])])

  const tip = hashAfter(chain, migrations.length)
  const unknown = chain.slice(1).findIndex((hash) => !evidence.files.has(hash))
  let catalog = evidence.catalogs.get(tip)
  let rest: SchemaRest | undefined
  let repeatable = true
  if (unknown !== -1 || catalog === undefined || request.whole === true) {
    const known = unknown === -1 ? migrations.length : unknown
    const run = await traceOnShadow({ ...plan, known }, evidence.files, async (traced) => {
      const added = { files: traced.files, catalogs: new Map([[tip, traced.catalog]]) }
      if (traced.repeatable) await addEvidence(path, evidence, added, inUse)
    })
    repeatable = run.repeatable
    for (const [hash, file] of run.files) evidence.files.set(hash, file)
    catalog = run.catalog
    evidence.catalogs.set(tip, catalog)
    rest = run.rest
  }

  const runs = chain.slice(1).map((hash) => evidence.files.get(hash))
  const trips = planRoundTrips(migrations, runs, (index) => evidence.roundTrips.get(keys[index] ?? ''))
  if (trips.wanted.length > 0) {
    const run = await runRoundTrips(plan, trips.wanted, evidence)
    for (const [index, { trip }] of run) trips.settled.set(index, trip)
    const kept = [...run].filter(([, each]) => each.repeatable)
    if (kept.length < run.size) repeatable = false
    const roundTrips = new Map(kept.map(([index, { trip }]) => [keys[index] ?? '', trip]))
    if (kept.length > 0) await addEvidence(path, evidence, { roundTrips }, inUse)
  }

  const files = migrations.map(({ file }, index) => {
    const roundTrip = trips.settled.get(index)
    return { file, statements: runs[index]?.traces ?? [], ...(roundTrip && { roundTrip }) }
  })
  const traces = files.flatMap((each) => each.statements)
  return {
    major,
    server,
    files,
    catalog,
    ...(rest && { rest }),
    complete:
      traces.every(({ status }) => status === 'traced') &&
      !migrations.some((migration) => isSyntaxError(migration.statements)),
    repeatable,
    notices: [...noticesOf(stubs, traces), ...roundTripNotices(migrations)],
  }
}

function roundTripNotices(migrations: readonly TraceMigration[]): string[] {
  const downs = migrations.filter(({ down }) => down !== undefined).length
  if (downs <= mostRoundTrips) return []
  return [`Of the ${downs} down sections that are not released, the last ${mostRoundTrips} were tried.`]
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
