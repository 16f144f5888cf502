import { realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../config/config.ts'
import type { ResolvedTarget } from '../postgres/connect/target.ts'
import type { CommandContext, CommandInput, CommandOption } from './command.ts'

/** The options that say where to connect, for a command that a pooler does not hinder. */
export const databaseOptions: readonly CommandOption[] = [
  { flags: '--url <url>', description: 'A connection URL (postgresql://…) or host=… dbname=…' },
  { flags: '--target <name>', description: 'A target that kei.jsonc names' },
]

/** The options that say where to connect. */
export const targetOptions: readonly CommandOption[] = [
  ...databaseOptions,
  { flags: '--direct-url <url>', description: 'The way to the server itself, where the other leads to a pooler' },
]

/**
 * Where a command with `targetOptions` goes.
 * @param config What names the targets. Default: the `kei.jsonc` for the working directory, read for --target alone.
 * @throws KeiError those of `resolveTarget` and `readConfig`
 */
export async function findTarget(
  options: CommandInput['options'],
  { workingDirectory }: Pick<CommandContext, 'workingDirectory'>,
  config?: Pick<Config, 'targets' | 'file'>,
): Promise<ResolvedTarget> {
  const [{ resolveTarget }, { readSurroundings }] = await Promise.all([
    import('../postgres/connect/target.ts'),
    import('../postgres/connect/surroundings.ts'),
  ])
  const text = (name: string) => (options[name] === undefined ? undefined : String(options[name]))
  const target = text('target')
  const { targets, file }: Partial<Config> =
    target === undefined ? {} : (config ?? (await readConfigFor(workingDirectory)))
  return resolveTarget(readSurroundings(), {
    url: text('url'),
    directUrl: text('directUrl'),
    target,
    targets,
    ...(file !== undefined && { configFolder: dirname(file) }),
  })
}

async function readConfigFor(workingDirectory: string): Promise<Config> {
  const [{ findRepository }, { readConfig }] = await Promise.all([
    import('../project/git.ts'),
    import('../config/read.ts'),
  ])
  const here = realpathSync(workingDirectory)
  return readConfig(here, findRepository(here))
}
