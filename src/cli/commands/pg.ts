import { realpathSync } from 'node:fs'
import { exitCodes, usageError } from '../../errors.ts'
import type { ExitCode } from '../../errors.ts'
import type { DevelopmentProject, DevelopmentStatus } from '../../postgres/development/server.ts'
import { defineCommand } from '../command.ts'
import type { CommandContext, CommandOption } from '../command.ts'
import { startProgress } from '../terminal/progress.ts'

const jsonOption: CommandOption = { flags: '--json', description: 'One JSON document' }

export const pgStart = defineCommand({
  name: 'pg start',
  summary: "Start this project's development server",
  description:
    'Starts a PostgreSQL for development, making it the first time. Its data is in .kei/pg of the repository, with ' +
    'fsync on and ignored by git, and stays until that folder is removed. Without --port it listens on a unix socket ' +
    'only. What runs already is left running.',
  arguments: [],
  options: [
    { flags: '--port <number>', description: 'Also listen on this TCP port of localhost, with a password' },
    {
      flags: '--postgres-major <major>',
      description: 'Major of a new server (default: 17)',
      choices: ['16', '17', '18'],
    },
    { flags: '--adopt', description: 'Run a data directory that kei has no record of having made here' },
    jsonOption,
  ],
  examples: [
    { command: 'kei pg start', says: 'on a unix socket' },
    { command: 'kei pg start --port 5433', says: 'on localhost too' },
  ],
  async run({ options }, context) {
    const { startDevelopmentServer } = await import('../../postgres/development/server.ts')
    const progress = startProgress(context.terminal.err)
    const major = options['postgresMajor'] === undefined ? undefined : Number(options['postgresMajor'])
    const port = options['port'] === undefined ? undefined : readPort(String(options['port']))
    const status = await startDevelopmentServer({
      ...(await projectOf(context)),
      ...(major !== undefined && { major }),
      ...(port !== undefined && { port }),
      adopt: options['adopt'] === true,
      onProgress: progress.say,
    }).finally(progress.end)
    return show(status, options['json'] === true, context)
  },
})

export const pgStop = defineCommand({
  name: 'pg stop',
  summary: "Stop this project's development server; its data stays",
  description: 'Stops the development server and waits for it. Its data stays in .kei/pg.',
  arguments: [],
  options: [jsonOption],
  examples: [],
  async run({ options }, context) {
    const { stopDevelopmentServer } = await import('../../postgres/development/server.ts')
    return show(await stopDevelopmentServer(await projectOf(context)), options['json'] === true, context)
  },
})

export const pgStatus = defineCommand({
  name: 'pg status',
  summary: "Show whether this project's development server runs, and how to connect",
  description: 'Exit code: 0 it runs, 1 it does not.',
  arguments: [],
  options: [jsonOption],
  examples: [],
  async run({ options }, context) {
    const { developmentServerStatus } = await import('../../postgres/development/server.ts')
    const status = await developmentServerStatus(await projectOf(context))
    show(status, options['json'] === true, context)
    return status.state === 'running' ? exitCodes.clean : exitCodes.answerIsNo
  },
})

export const pgPsql = defineCommand({
  name: 'pg psql',
  summary: "Open psql in this project's development server",
  description:
    'Runs psql, connected to the development server: that of its major, else the nearest newer one, else the nearest ' +
    'older. What stands after -- goes to psql.',
  arguments: [{ name: '[arguments...]', description: 'Arguments of psql, after --' }],
  options: [],
  examples: [{ command: "kei pg psql -- -c 'SELECT version()'", says: 'one query' }],
  async run({ arguments: args }, context) {
    const { psqlOfDevelopmentServer } = await import('../../postgres/development/server.ts')
    const given = args.flat().filter((arg): arg is string => arg !== undefined)
    const { program, args: all, note } = await psqlOfDevelopmentServer(await projectOf(context), given)
    if (note !== undefined) context.terminal.err.write(`${note}\n`)
    const { spawn } = await import('node:child_process')
    const child = spawn(program, all, { stdio: 'inherit' })
    // An interrupt is psql's to handle, as often as it comes: it cancels a query.
    const leave = (): void => undefined
    const end = (): void => void child.kill('SIGTERM')
    process.on('SIGINT', leave)
    process.on('SIGTERM', end)
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', resolve)
    }).finally(() => {
      process.off('SIGINT', leave)
      process.off('SIGTERM', end)
    })
    // psql's own codes: 0 done, 1 its own failure, 2 connection lost, 3 a script failed.
    return code === 0 ? exitCodes.clean : code === 2 ? exitCodes.connection : exitCodes.answerIsNo
  },
})

async function projectOf({ workingDirectory }: CommandContext): Promise<DevelopmentProject> {
  const [{ findRepository }, { cacheFolder }] = await Promise.all([
    import('../../project/git.ts'),
    import('../../config/cache-folder.ts'),
  ])
  const here = realpathSync(workingDirectory)
  return { projectFolder: findRepository(here) ?? here, cacheFolder: cacheFolder() }
}

function readPort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 1024 && port <= 65_535) return port
  throw usageError({
    code: 'invalid-port',
    message: `--port ${text} is not a port`,
    hint: 'Give a number from 1024 to 65535, for example --port 5433.',
  })
}

function show(status: DevelopmentStatus, json: boolean, { terminal }: CommandContext): ExitCode {
  if (json) {
    terminal.out.write(`${JSON.stringify({ version: 1, ...status }, null, 2)}\n`)
    return exitCodes.clean
  }
  switch (status.state) {
    case 'absent':
      terminal.out.write('This project has no development server. `kei pg start` makes one.\n')
      break
    case 'stopped':
      terminal.out.write(`PostgreSQL ${status.major} is stopped; its data is in ${status.dataDirectory}\n`)
      break
    case 'running':
      terminal.out.write(`PostgreSQL ${status.major} is running (pid ${status.pid})\n  ${status.url}\n`)
      if (status.tcp !== undefined) {
        terminal.out.write(`  ${status.tcp.url} with the password in ${status.tcp.passwordFile}\n`)
      }
      terminal.out.write(`  log: ${status.log}\n`)
  }
  return exitCodes.clean
}
