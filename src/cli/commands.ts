import type { Command } from './command.ts'
import { check } from './commands/check.ts'
import { pgPsql, pgStart, pgStatus, pgStop } from './commands/pg.ts'
import { rule } from './commands/rule.ts'
import { rules } from './commands/rules.ts'

/** The command table. Help, the reference page and the parser are made from it. */
export const commands: readonly Command[] = [check, rules, rule, pgStart, pgStop, pgStatus, pgPsql]

/** One line for each word that has commands below it. */
export const commandGroups: Readonly<Record<string, string>> = {
  pg: 'A durable PostgreSQL for development, under .kei/ of the project',
}
