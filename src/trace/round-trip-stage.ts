import { interrupted } from '../errors.ts'
import type { Catalog } from '../findings/catalog.ts'
import { readCatalog } from '../postgres/catalog/snapshot.ts'
import { hashAfter } from './chain.ts'
import type { Evidence } from './evidence-cache.ts'
import { noLostNames } from './lost-names.ts'
import { recorderSchema } from './recorder.ts'
import type { FileRun } from './run-file.ts'
import { noteApplied, noteLost, runMigration, startingDatabase } from './shadow-run.ts'
import type { ShadowRunPlan } from './shadow-run.ts'
import type { TraceMigration } from './trace-request.ts'
import type { Workplace } from './workplace.ts'

/** A traced history that is run again; all that its trace was run with. */
export type StagePlan = Pick<ShadowRunPlan, 'request' | 'stubs' | 'settings' | 'chain'>

/** A database of its own in which a traced history goes forth and back. */
export interface Stage {
  plan: StagePlan
  /** How many files of the history are applied. */
  position(): number
  /** Applies the next file, as the trace did. */
  up(): Promise<FileRun>
  /** Takes the last applied file back. */
  down(): Promise<FileRun>
  /** The schema as it is now. */
  schema(): Promise<Catalog>
  /** The schema that so many files leave: as the trace read it, else as it is now. */
  schemaAfter(files: number): Promise<Catalog>
  close(): Promise<void>
}

/**
 * Opens a stage at the nearest state that the cluster keeps with at most `index` files applied. For the last file it
 * takes the state that has this file applied already, rather than a copy, where the one before it is kept, too.
 */
export async function openStage(
  workplace: Workplace,
  plan: StagePlan,
  index: number,
  evidence: Evidence,
): Promise<Stage> {
  const { request, stubs, chain } = plan
  const { migrations, signal } = request
  const { database, from, empty } =
    (await takeTip(workplace, plan, index, evidence)) ?? (await startingDatabase(workplace, { chain, known: index }))
  let sessions = await workplace.open(database, { empty }).catch(async (error: unknown) => {
    await workplace.discard(database).catch(() => undefined)
    throw error
  })
  let position = from
  let schema: Catalog | undefined
  const lost = noLostNames()
  for (const [passed, migration] of migrations.slice(0, from).entries()) noteLostOf(passed, migration)

  function noteLostOf(index: number, migration: TraceMigration): void {
    const run = evidence.files.get(hashAfter(chain, index + 1))
    if (run !== undefined) noteLost(lost, migration, run)
  }

  async function run(section: TraceMigration): Promise<FileRun> {
    schema = undefined
    const ran = await runMigration(section, sessions, plan, lost)
    if (signal?.aborted === true) throw interrupted()
    if (sessions.session.lost()) {
      await sessions.end()
      sessions = await workplace.open(database, { empty: false })
    }
    return ran
  }

  async function read(): Promise<Catalog> {
    schema ??= await readCatalog(sessions.superuser, {
      schemas: [recorderSchema, ...stubs.exclude.schemas],
      names: stubs.exclude.names,
    })
    return schema
  }

  return {
    plan,
    position: () => position,
    async up() {
      const migration = fileAt(migrations, position)
      const ran = await run(migration)
      noteLostOf(position++, migration)
      await noteApplied(sessions, stubs, migration, ran)
      return ran
    },
    async down() {
      const { down, file } = fileAt(migrations, --position)
      if (down === undefined) throw new RangeError(`${file} has no way back`)
      return run({ file: down.section.file, ...down })
    },
    schema: read,
    schemaAfter: async (files) => evidence.catalogs.get(hashAfter(chain, files)) ?? (await read()),
    async close() {
      await sessions.end()
      await workplace.discard(database)
    },
  }
}

async function takeTip(
  workplace: Workplace,
  { request, chain }: StagePlan,
  index: number,
  evidence: Evidence,
): Promise<{ database: string; from: number; empty: boolean } | undefined> {
  const files = index + 1
  const [before, tip] = [hashAfter(chain, index), hashAfter(chain, files)]
  const isKept = evidence.catalogs.has(before) && workplace.hasTemplate(before) && workplace.hasTemplate(tip)
  if (files < request.migrations.length || !isKept) return undefined
  const database = await workplace.databases.take(tip)
  return database === undefined ? undefined : { database, from: files, empty: false }
}

function fileAt(migrations: readonly TraceMigration[], index: number): TraceMigration {
  const migration = migrations[index]
  if (migration === undefined) throw new RangeError(`there is no file ${index}`)
  return migration
}
