import type { Command } from './command.ts'

/**
 * The command table, by the first word: what does not run is not loaded. `next` is the second word of the command line;
 * a word with many commands below it may load that one alone, and loads all where it is none of them.
 */
export const commandModules: Readonly<Record<string, (next?: string) => Promise<readonly Command[]>>> = {
  check: async () => [(await import('./commands/check.ts')).check],
  rules: async () => [(await import('./commands/rules.ts')).rules],
  rule: async () => [(await import('./commands/rule.ts')).rule],
  connect: async () => [(await import('./commands/connect.ts')).connectCommand],
  migrate: async (next = '') => {
    const { migrateModules } = await import('./commands/migrate/commands.ts')
    const asked = Object.hasOwn(migrateModules, next) ? migrateModules[next] : undefined
    return Promise.all((asked === undefined ? Object.values(migrateModules) : [asked]).map((load) => load()))
  },
  pg: async () => {
    const { pgPsql, pgStart, pgStatus, pgStop } = await import('./commands/pg.ts')
    return [pgStart, pgStop, pgStatus, pgPsql]
  },
}

/** All commands. Help and the reference page are made from them. */
export async function allCommands(): Promise<readonly Command[]> {
  return (await Promise.all(Object.values(commandModules).map((load) => load()))).flat()
}

/** One line for each word that has commands below it. */
export const commandGroups: Readonly<Record<string, string>> = {
  migrate: 'Apply numbered SQL migrations to a database, and look after what is applied',
  pg: 'A durable PostgreSQL for development, under .kei/ of the project',
}
