import type { Folder } from '../folder.ts'
import { flyway } from './flyway.ts'
import { fileWith } from './layout.ts'

/** A tool whose files kei knows by sight and does not read yet. */
export interface OtherTool {
  name: string
  /** What in the folder shows that it is this tool's, in words; undefined when nothing does. */
  mark(folder: Folder): string | undefined
}

const ternSeparator = '---- create above / drop below ----'

/** Tools with marks of their own, in the files or in their names. */
export const otherTools: readonly OtherTool[] = [
  {
    name: 'Liquibase',
    mark: (folder) => {
      const header = /^--[ \t]*liquibase[ \t]+formatted[ \t]+sql/im
      return containing(folder, header, '--liquibase formatted sql', ['iquibase', 'IQUIBASE'])
    },
  },
  {
    name: 'graphile-migrate',
    mark: (folder) => containing(folder, /^--! Previous:/m, '--! Previous:', ['--! Previous:']),
  },
  {
    name: 'tern',
    mark: (folder) =>
      named(folder, 'tern.conf') ??
      containing(folder, /^---- create above \/ drop below ----/m, ternSeparator, [ternSeparator]),
  },
  {
    name: 'node-pg-migrate',
    mark: (folder) => containing(folder, /^\s*--[\s-]*up\s+migration/im, '-- Up Migration', ['igration', 'IGRATION']),
  },
  {
    // It names its files as Flyway does; it is a library of Rust's.
    name: 'refinery',
    mark: (folder) => (folder.has('../Cargo.toml') ? flyway.mark(folder) : undefined),
  },
  {
    name: 'Drizzle',
    mark: (folder) => {
      if (folder.has('meta/_journal.json')) return 'meta/_journal.json'
      const snapshot = folder.folders.find((name) => /^\d{14}_/.test(name) && folder.has(`${name}/snapshot.json`))
      return snapshot && `${snapshot}/snapshot.json`
    },
  },
  { name: 'sqitch', mark: (folder) => named(folder, 'sqitch.plan') },
  {
    name: 'Diesel',
    mark: (folder) => {
      const migration = folder.folders.find((name) => /^\d.*_/.test(name) && folder.has(`${name}/up.sql`))
      return migration && `${migration}/up.sql`
    },
  },
]

function named(folder: Folder, name: string): string | undefined {
  return folder.files.includes(name) ? name : undefined
}

function containing(folder: Folder, pattern: RegExp, shown: string, literals: readonly string[]): string | undefined {
  const name = fileWith(folder, pattern, literals)
  return name && `\`${shown}\` in ${name}`
}
