import type { LayoutName } from '../../config/config.ts'
import { skipSpace } from '../../sql/blank.ts'
import { tokenEnd } from '../../sql/token.ts'
import { joinPath } from '../folder.ts'
import { beginnings, runsOutside } from './flyway-script.ts'

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
  /** Whether a statement of the way back cannot run in a transaction block. Default: as `outsideTransaction`. */
  downOutsideTransaction?: boolean
}

/** The folder that a migration is written for. */
export interface NewMigrationFolder {
  layout: LayoutName
  path: string
  /** Those that it has; where the layout leaves a choice, the new one is named as they are. Default: none. */
  migrations?: readonly { path: string; down?: { file: string } }[]
}

/**
 * The files of one more migration of a folder, numbered after the last. `after` is the last version; a timestamp
 * becomes one second later, a number one more with as many digits, and of a number with dots its last part.
 *
 * The way back is left out where the layout has none, and where the folder's others have none to go by: of sqlx's
 * simple files, and of Flyway's without `U` files. Atlas wants `atlas migrate hash` run afterwards.
 */
export function newMigration(
  folder: NewMigrationFolder,
  after: string | undefined,
  migration: MigrationText,
): { file: string; text: string }[] {
  const version = nextVersion(after)
  const stem = `${version}_${migration.name}`
  const up = `${migration.up.trim()}\n`
  const down = migration.down.trim() === '' ? undefined : `${migration.down.trim()}\n`
  const { outsideTransaction, downOutsideTransaction = outsideTransaction } = migration
  const inFolder = (file: string, text: string) => ({ file: joinPath(folder.path, file), text })
  const inFolderIf = (file: string, text: string | undefined) => (text === undefined ? [] : [inFolder(file, text)])
  switch (folder.layout) {
    case 'kei': {
      const head = migration.commits ? '-- kei: transaction none\n' : ''
      return [inFolder(`${stem}.sql`, `${head}${up}`), ...inFolderIf(`${stem}.down.sql`, down)]
    }
    case 'golang-migrate':
      return [inFolder(`${stem}.up.sql`, up), ...inFolderIf(`${stem}.down.sql`, down)]
    case 'prisma':
      return [inFolder(`${stem}/migration.sql`, up)]
    case 'goose': {
      // It holds for both sections.
      const isOutside = outsideTransaction || (down !== undefined && downOutsideTransaction)
      const head = isOutside ? '-- +goose NO TRANSACTION\n' : ''
      const back = down === undefined ? '' : `\n-- +goose Down\n${framed(down)}`
      return [inFolder(`${stem}.sql`, `${head}-- +goose Up\n${framed(up)}${back}`)]
    }
    case 'atlas': {
      const head = outsideTransaction ? '-- atlas:txmode none\n\n' : ''
      return [inFolder(`${stem}.sql`, `${head}${up}`)]
    }
    case 'dbmate': {
      const option = (isOutside: boolean) => (isOutside ? ' transaction:false' : '')
      const back = `-- migrate:down${option(down !== undefined && downOutsideTransaction)}\n${down ?? ''}`
      return [inFolder(`${stem}.sql`, `-- migrate:up${option(outsideTransaction)}\n${up}\n${back}`)]
    }
    case 'sqlx': {
      const headIf = (isOutside: boolean) => (isOutside ? '-- no-transaction\n' : '')
      const head = headIf(outsideTransaction)
      const { migrations = [] } = folder
      const isReversible = migrations.length === 0 || migrations.some(({ path }) => path.endsWith('.up.sql'))
      if (!isReversible) return [inFolder(`${stem}.sql`, `${head}${up}`)]
      return [
        inFolder(`${stem}.up.sql`, `${head}${up}`),
        ...inFolderIf(`${stem}.down.sql`, down && `${headIf(downOutsideTransaction)}${down}`),
      ]
    }
    case 'flyway': {
      const hasUndo = folder.migrations?.some((each) => each.down !== undefined)
      const files = [
        { file: `V${version}__${migration.name}.sql`, text: up, isOutside: outsideTransaction },
        ...(hasUndo && down !== undefined
          ? [{ file: `U${version}__${migration.name}.sql`, text: down, isOutside: downOutsideTransaction }]
          : []),
      ]
      return files.flatMap(({ file, text, isOutside }) => [
        inFolder(file, text),
        ...inFolderIf(`${file}.conf`, isOutside && isToldToFlyway(text) ? 'executeInTransaction=false\n' : undefined),
      ])
    }
  }
}

/** Whether Flyway has to be told that a script cannot be in a transaction, since it would not know. */
function isToldToFlyway(text: string): boolean {
  return !beginnings(text).every((words) => runsOutside(words))
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
  folder: NewMigrationFolder,
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
 * more with as many digits. Of a version with dots (Flyway's) its last part is counted on.
 */
export function nextVersion(version: string | undefined): string {
  const [, head = '', digits] = /^((?:\d+\.)*)(\d+)/.exec(version ?? '') ?? []
  if (digits === undefined) return '00000000000001'
  return head + (timestampAfter(digits) ?? String(BigInt(digits) + 1n)).padStart(digits.length, '0')
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
