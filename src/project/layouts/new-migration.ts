import type { LayoutName } from '../../config/config.ts'
import { skipSpace } from '../../sql/blank.ts'
import { tokenEnd } from '../../sql/token.ts'
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
  /** Whether it has code that commits, which kei's runner wants to be told. */
  commits?: boolean
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
    case 'kei': {
      const head = migration.commits ? '-- kei: transaction none\n' : ''
      return [
        inFolder(`${stem}.sql`, `${head}${up}`),
        ...(down === undefined ? [] : [inFolder(`${stem}.down.sql`, down)]),
      ]
    }
    case 'golang-migrate':
      return [inFolder(`${stem}.up.sql`, up), ...(down === undefined ? [] : [inFolder(`${stem}.down.sql`, down)])]
    case 'prisma':
      return [inFolder(`${stem}/migration.sql`, up)]
    case 'goose': {
      const head = migration.outsideTransaction ? '-- +goose NO TRANSACTION\n' : ''
      const back = down === undefined ? '' : `\n-- +goose Down\n${framed(down)}`
      return [inFolder(`${stem}.sql`, `${head}-- +goose Up\n${framed(up)}${back}`)]
    }
  }
}

/** Goose ends a statement at every semicolon that ends a line, in code too, unless a frame is around the statement. */
function framed(text: string): string {
  let result = ''
  let from = 0
  let hasInner = false
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, at)) {
    const end = tokenEnd(text, at)
    const token = text.slice(at, end)
    at = end
    if (token !== ';') {
      hasInner ||= token.includes(';')
      continue
    }
    const statement = text.slice(from, end)
    const start = statement.length - statement.trimStart().length
    result += hasInner
      ? `${statement.slice(0, start)}-- +goose StatementBegin\n${statement.slice(start)}\n-- +goose StatementEnd`
      : statement
    from = end
    hasInner = false
  }
  return result + text.slice(from)
}

/** The files of several more migrations, one after another. */
export function newMigrations(
  folder: { layout: LayoutName; path: string },
  after: string | undefined,
  migrations: readonly MigrationText[],
): { file: string; text: string }[] {
  let version = after
  return migrations.flatMap((migration) => {
    const files = newMigration(folder, version, migration)
    version = nextVersion(version)
    return files
  })
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
