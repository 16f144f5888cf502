import type { Command } from '../../command.ts'

/** `kei migrate …` by the second word, in the order in which help shows them: what does not run is not loaded. */
export const migrateModules: Readonly<Record<string, () => Promise<Command>>> = {
  new: async () => explained((await import('./new.ts')).migrateNew),
  plan: async () => explained((await import('./plan.ts')).migratePlan),
  up: async () => explained((await import('./up.ts')).migrateUp),
  down: async () => explained((await import('./down.ts')).migrateDown),
  status: async () => explained((await import('./status.ts')).migrateStatus),
  verify: async () => explained((await import('./verify.ts')).migrateVerify),
  drift: async () => explained((await import('./drift.ts')).migrateDrift),
  baseline: async () => explained((await import('./baseline.ts')).migrateBaseline),
  'accept-edit': async () => explained((await import('./accept-edit.ts')).migrateAcceptEdit),
  resolve: async () => explained((await import('./resolve.ts')).migrateResolve),
  lock: async () => explained((await import('./lock.ts')).migrateLock),
}

/** What the driver throws on the way, of a connection that is lost or a limit of the server's, is an error of kei's. */
function explained(command: Command): Command {
  return {
    ...command,
    run: (input, context) =>
      command.run(input, context).catch(async (error: unknown) => {
        const { explainDriverError } = await import('../../../migrate/driver-error.ts')
        throw explainDriverError(error)
      }),
  }
}
