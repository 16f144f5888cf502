import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** A program that judges migrations, beside kei. */
export interface Peer {
  name: string
  command: string
  args: readonly string[]
  accepted: readonly number[]
}

/** npm installs a Node program that starts squawk's binary; kei is a Node program too. Both ways are measured. */
export const squawkNames = { installed: 'squawk', bare: 'squawk, its bare binary' }

/**
 * squawk, pgfence and postgres-language-server, as JSON reporters over `files`. postgres-language-server is called
 * without its Node launcher.
 * @throws Error when bench/peers has not been installed.
 */
export function peers(root: string, files: readonly string[]): Peer[] {
  const modules = join(root, 'bench/peers/node_modules')
  if (!existsSync(modules)) throw new Error('the peers are missing. Run: npm install --prefix bench/peers')
  const { platform, arch } = process
  const machine = `${arch === 'arm64' ? 'aarch64' : 'x86_64'}-${platform === 'darwin' ? 'apple-darwin' : 'linux-gnu'}`
  return [
    {
      name: squawkNames.installed,
      command: join(modules, '.bin/squawk'),
      args: ['--reporter', 'json', ...files],
      accepted: [0, 1],
    },
    {
      name: squawkNames.bare,
      command: join(modules, `@squawk-cli/${platform}-${arch}/bin/squawk`),
      args: ['--reporter', 'json', ...files],
      accepted: [0, 1],
    },
    {
      name: 'pgfence',
      command: process.execPath,
      args: [join(modules, '@flvmnt/pgfence/dist/index.js'), 'analyze', '--output', 'json', ...files],
      accepted: [0],
    },
    {
      name: 'postgres-language-server',
      command: join(modules, `@postgres-language-server/cli-${machine}/postgres-language-server`),
      args: ['check', '--disable-db', '--max-diagnostics=none', '--reporter=json', ...files],
      accepted: [0, 1],
    },
  ]
}

/** psql of KEI_PG_BIN, of the folder that scripts/setup-postgres.sh makes, or of PATH. */
export function psqlProgram(root: string): string {
  const folders = [process.env['KEI_PG_BIN'], join(root, '.pg/17/bin')]
  const found = folders.map((folder) => join(folder ?? '', 'psql')).find((path) => path !== 'psql' && existsSync(path))
  return found ?? 'psql'
}
