import type { LayoutName } from '../../config/config.ts'
import { joinPath } from '../folder.ts'

/** What goes into one more migration. */
export interface MigrationText {
  /** Lower-case words joined by `_`. */
  name: string
  /** Statements with their semicolons. */
  up: string
  /** Empty when there is none. */
  down: string
  /** Whether a statement in it cannot run in a transaction block: CREATE INDEX CONCURRENTLY. */
  outsideTransaction: boolean
}

/**
 * The files of one more migration of a folder, numbered after the last. `after` is the last version; a timestamp
 * becomes one second later, a number one more with as many digits.
 */
export function newMigration(
  folder: { layout: LayoutName; path: string },
  after: string | undefined,
  migration: MigrationText,
): { file: string; text: string }[] {
  const stem = `${nextVersion(after)}_${migration.name}`
  const up = `${migration.up.trim()}\n`
  const down = migration.down.trim() === '' ? undefined : `${migration.down.trim()}\n`
  const inFolder = (file: string, text: string) => ({ file: joinPath(folder.path, file), text })
  switch (folder.layout) {
    case 'kei':
      return [inFolder(`${stem}.sql`, up), ...(down === undefined ? [] : [inFolder(`${stem}.down.sql`, down)])]
    case 'golang-migrate':
      return [inFolder(`${stem}.up.sql`, up), ...(down === undefined ? [] : [inFolder(`${stem}.down.sql`, down)])]
    case 'prisma':
      return [inFolder(`${stem}/migration.sql`, up)]
    case 'goose': {
      const head = migration.outsideTransaction ? '-- +goose NO TRANSACTION\n' : ''
      const back = down === undefined ? '' : `\n-- +goose Down\n${down}`
      return [inFolder(`${stem}.sql`, `${head}-- +goose Up\n${up}${back}`)]
    }
  }
}

/**
 * The version after `version`, which may have a name behind it (Prisma's has): a time one second later, a number one
 * more with as many digits.
 */
export function nextVersion(version: string | undefined): string {
  const digits = /^\d+/.exec(version ?? '')?.[0]
  if (digits === undefined) return '00000000000001'
  return (timestampAfter(digits) ?? String(BigInt(digits) + 1n)).padStart(digits.length, '0')
}

/** One second later, when the 14 digits are a time of the calendar. */
function timestampAfter(digits: string): string | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(digits)
  if (parts === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number)
  const time = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  const text = (date: Date) => date.toISOString().slice(0, 19).replace(/[-:T]/g, '')
  if (Number.isNaN(time.getTime()) || text(time) !== digits) return undefined
  return text(new Date(time.getTime() + 1000))
}
