import { usageError } from '../errors.ts'
import type { Catalog } from '../findings/catalog.ts'
import type { NotTraced } from '../findings/report.ts'
import type { Session } from '../postgres/connect/connect.ts'
import { readPrivileges } from '../postgres/catalog/privileges.ts'
import type { Privilege } from '../postgres/catalog/privileges.ts'
import { readCatalog, readFurtherObjects } from '../postgres/catalog/snapshot.ts'
import { unquoted } from '../sql/identifier.ts'
import { positionsOf } from '../sql/positions.ts'
import { redactServerMessage } from '../sql/redact.ts'
import type { HistoryTrace } from '../trace/history.ts'
import { planStubs } from '../trace/stubs.ts'
import type { StubPlan } from '../trace/stubs.ts'
import { readStates } from './applied-states.ts'
import { catalogDifferences } from './catalog-differences.ts'
import type { Difference } from './catalog-differences.ts'
import { withExtensions, withStubTypes, withoutProvided, withoutQualifiers, withoutStubGrants } from './comparable.ts'
import { canonicalVersion } from './fold.ts'
import type { VersionState } from './history.ts'
import type { Migration } from './migration.ts'
import { readOtherHistories } from '../postgres/catalog/other-histories.ts'
import { namedTables, partitionNotice, partitionsAtWork } from './partitions-at-work.ts'
import { privilegeDifferences } from './privilege-differences.ts'
import { readProviderObjects } from '../postgres/catalog/providers.ts'
import type { ProviderObjects } from '../postgres/catalog/providers.ts'
import type { MigrationFiles } from './read-migrations.ts'
import { readOnly } from '../postgres/read-only.ts'
import type { RunnerSettings } from './run-request.ts'
import { standingOf } from './standing.ts'
import { parseMigration } from './steps.ts'
import { readTargetSettings } from './target.ts'
import { traceMigrations } from './trace-migrations.ts'
import type { UpScript } from './trace-migrations.ts'

export interface DriftOptions {
  source: MigrationFiles
  settings: Pick<RunnerSettings, 'schema' | 'role'>
  /** Opens a session with the database, which `drift` ends. */
  connect: () => Promise<Session>
  /** Whether owners, grants and default privileges are compared, too. */
  privileges: boolean
  signal?: AbortSignal
  /** Called with what is going on. */
  onProgress?: (text: string) => void
}

/** How a database differs from what its applied files make. */
export interface DriftReport {
  /** Exact versions: of the database's server, and of the shadow server that stood for it. */
  versions: { live: string; shadow: string }
  /** How many versions are applied. */
  applied: number
  differences: Difference[]
  /** Differences in what statements name that could not be traced: they may be none. */
  unknown: Difference[]
  notTraced: NotTraced[]
  notices: string[]
}

/**
 * Compares the database's catalog with the one that a trace of the applied files leaves, on a shadow server of the
 * same major. Reads only: through a pooler and on a standby, too.
 *
 * Members of extensions, kei's schema, providers' schemas, the order of columns and the values of sequences are no
 * part of it. A file that is applied in part counts up to its last committed statement.
 * @throws KeiError `nothing-applied`, `missing-migration`, `live-catalog-busy`, `postgres-server-not-found`, and
 * those of `parseMigration`, `traceMigrations` and of the connection
 */
export async function drift(options: DriftOptions): Promise<DriftReport> {
  const { source, settings, signal, onProgress } = options
  const session = await options.connect()
  try {
    const { client, server } = session
    const states = await readStates(client, settings.schema)
    const { scripts, notices } = await appliedScripts(source, states)
    const { target, notices: targetNotices } = await readTargetSettings(session)
    const trace = await traceMigrations(source, scripts, {
      ...target,
      whole: true,
      ...(signal && { signal }),
      onProgress,
    })
    onProgress?.("Reading the database's catalog")
    const stubs = stubsOf(scripts)
    const live = await readLive(session, settings.schema, trace.catalog, stubs, options.privileges)
    const comparable = (catalog: Catalog) => {
      const known = withStubTypes(catalog, stubs)
      return server.major < target.major ? withoutQualifiers(known) : known
    }
    const expected = withExtensions(withRest(trace), stubs)
    const actual = withoutProvided(live.catalog, expected, live.provided)
    const partitions = partitionsAtWork(expected, actual, namedTables(scripts, trace))
    const found = catalogDifferences(comparable(expected), comparable(actual)).filter(
      ({ name }) => !partitions.has(name),
    )
    if (trace.rest !== undefined && live.privileges !== undefined) {
      const standsFor = { traced: trace.rest.owner, live: settings.role ?? server.user }
      const held = withoutStubGrants(trace.rest.privileges, stubs)
      found.push(...privilegeDifferences(held, withoutStubGrants(live.privileges, stubs), standsFor))
    }
    const { notTraced, isUnknown } = notTracedOf(scripts, trace)
    return {
      versions: { live: server.version, shadow: trace.server },
      applied: scripts.length,
      differences: found.filter((difference) => !isUnknown(difference)),
      unknown: found.filter(isUnknown),
      notTraced,
      notices: [...targetNotices, ...notices, ...partitionNotice(partitions), ...live.notices, ...trace.notices],
    }
  } finally {
    await session.client.end()
  }
}

/** The up files of the applied versions, each as far as it is applied. */
async function appliedScripts(
  source: MigrationFiles,
  states: ReadonlyMap<string, VersionState>,
): Promise<{ scripts: UpScript[]; notices: string[] }> {
  const { entries, problems } = standingOf(source.migrations, states)
  const missing = problems.find(({ code }) => code === 'missing-migration')
  if (missing !== undefined) throw missing
  const notices = entries.flatMap(({ version, name, state }) => {
    const said = stateNotices[state]
    return said === undefined ? [] : [`${version}_${name} ${said}`]
  })
  const scripts: UpScript[] = []
  for (const migration of source.migrations) {
    const state = states.get(canonicalVersion(migration.version))
    if (state === undefined || state.state === 'reverted') continue
    scripts.push(await readScript(migration, state.state === 'partly-applied' ? state.done.length : undefined))
  }
  if (scripts.length === 0) {
    throw usageError({
      code: 'nothing-applied',
      message: "No migration is applied to this database by kei's history, so there is nothing to compare it with.",
      hint: 'Run `kei migrate up`; for a database that was there before its files, `kei migrate baseline --write`.',
    })
  }
  return { scripts, notices }
}

const stateNotices: Readonly<Record<string, string | undefined>> = {
  edited: 'was edited after it was applied: it is compared as it is now. See `kei migrate verify`.',
  'partly-applied': 'is applied in part: it counts up to its last committed statement.',
  'partly-reverted': 'is taken back in part: it counts as applied.',
}

async function readScript(migration: Migration, count: number | undefined): Promise<UpScript> {
  const { up } = migration
  const statements = await parseMigration(up)
  if (count === undefined) return { migration, text: up.text, statements }
  const done = statements.slice(0, count)
  return { migration, text: up.text.slice(0, done.at(-1)?.end ?? 0), statements: done }
}

function stubsOf(scripts: readonly UpScript[]): StubPlan {
  return planStubs(
    'kei',
    scripts.map(({ text }) => text),
    scripts.flatMap(({ statements }) => statements),
  )
}

interface LiveCatalog {
  catalog: Catalog
  privileges: Privilege[] | undefined
  provided: ProviderObjects
  notices: string[]
}

/** A provider's schema counts when the files make it themselves; what only stubs stood for does not. */
async function readLive(
  { client }: Session,
  schema: string,
  traced: Catalog,
  stubs: StubPlan,
  privileges: boolean,
): Promise<LiveCatalog> {
  const made = new Set(
    traced.objects.flatMap(({ objectType, name }) => (objectType === 'schema' ? [unquoted(name)] : [])),
  )
  return readOnly(client, async () => {
    const provided = await readProviderObjects(client)
    const others = await readOtherHistories(client)
    const relations = new Set(traced.relations.map(({ name }) => name))
    const leftOut = [...provided.schemas, ...others.schemas].filter((name) => !made.has(name))
    const exclude = {
      schemas: [schema, ...stubs.exclude.schemas, ...leftOut],
      names: [...stubs.exclude.names, ...others.names.filter((name) => !relations.has(name))],
    }
    const catalog = await readCatalog(client, exclude)
    catalog.objects.push(...(await readFurtherObjects(client, exclude)))
    const held = privileges ? await readPrivileges(client, exclude) : undefined
    return { catalog, privileges: held, provided, notices: others.notices }
  })
}

function withRest({ catalog, rest }: HistoryTrace): Catalog {
  return { ...catalog, objects: [...catalog.objects, ...(rest?.objects ?? [])] }
}

/** The last part of a qualified name. */
const partPattern = /(?:"(?:[^"]|"")+"|[^".]+)$/

/** What could not be traced, and whether a difference may come from it. */
function notTracedOf(
  scripts: readonly UpScript[],
  trace: HistoryTrace,
): { notTraced: NotTraced[]; isUnknown: (difference: Difference) => boolean } {
  const notTraced: NotTraced[] = []
  const words = new Set<string>()
  scripts.forEach(({ migration: { up }, statements }, index) => {
    const position = positionsOf(up.text)
    for (const statement of statements) {
      const seen = trace.files[index]?.statements[statement.index]
      if (seen?.status === 'traced') continue
      notTraced.push({
        file: up.file,
        line: position(statement.start).line,
        cause: redactServerMessage(seen?.cause ?? 'it was not run'),
        ...(seen?.status === 'not-reached' && { root: seen.root }),
      })
      for (const [word] of statement.text.matchAll(/"(?:[^"]|"")+"|[\p{L}_][\p{L}\w$]*/gu))
        words.add(word.toLowerCase())
    }
  })
  const isUnknown = ({ name, relation }: Difference) =>
    // Of `app.f(integer)` the `f`: the schema says little.
    [name.replace(/\(.*$/, ''), ...(relation === undefined ? [] : [relation])].some((each) =>
      words.has((partPattern.exec(each)?.[0] ?? each).toLowerCase()),
    )
  return { notTraced, isUnknown }
}
