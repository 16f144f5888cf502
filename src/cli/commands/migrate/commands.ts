import type { Command } from '../../command.ts'
import { migrateAcceptEdit } from './accept-edit.ts'
import { migrateBaseline } from './baseline.ts'
import { migrateDown } from './down.ts'
import { migrateDrift } from './drift.ts'
import { migrateLock } from './lock.ts'
import { migrateNew } from './new.ts'
import { migratePlan } from './plan.ts'
import { migrateResolve } from './resolve.ts'
import { migrateStatus } from './status.ts'
import { migrateUp } from './up.ts'
import { migrateVerify } from './verify.ts'

/** `kei migrate …`, in the order in which help shows them. */
export const migrateCommands: readonly Command[] = [
  migrateNew,
  migratePlan,
  migrateUp,
  migrateDown,
  migrateStatus,
  migrateVerify,
  migrateDrift,
  migrateBaseline,
  migrateAcceptEdit,
  migrateResolve,
  migrateLock,
].map(explained)

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
