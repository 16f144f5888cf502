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
]
