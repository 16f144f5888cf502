import { randomBytes } from 'node:crypto'
import { existsSync, lchownSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { failure, usageError } from '../../errors.ts'
import { requirePsql } from '../programs.ts'
import { closedFolder, runAsServer, serverUser } from '../server-user.ts'
import { findInstallation } from '../shadow/installation.ts'
import { ownFolder, serverFolder } from '../shadow/private-folder.ts'
import { commandLine } from '../shadow/process-identity.ts'
import { withLock } from '../shadow/process-lock.ts'
import { runnablePrograms, syncPrograms } from '../shadow/server-tree.ts'
import { serverFailed } from './failure.ts'
import { checkMadeHere, recordMadeHere } from './made-here.ts'
import { checkIncludesSettings, makeCluster, superuser } from './new-cluster.ts'
import { developmentPlaces } from './places.ts'
import type { DevelopmentPlaces } from './places.ts'

/** Which development server: each project has one. */
export interface DevelopmentProject {
  /** Real path of the project's folder. */
  projectFolder: string
  /** kei's folder in the user's cache. */
  cacheFolder: string
}

export interface DevelopmentStart extends DevelopmentProject {
  /** Default: that of the data that is there, else 17. */
  major?: number
  /** Also listen on this TCP port of 127.0.0.1 and ::1. Default: only on a unix socket. */
  port?: number
  /** Run a cluster that kei has no record of having made. */
  adopt?: boolean
  onProgress?: (message: string) => void
}

export type DevelopmentStatus =
  | { state: 'absent' }
  | { state: 'stopped'; major: number; dataDirectory: string }
  | {
      state: 'running'
      major: number
      pid: number
      dataDirectory: string
      log: string
      /** Over the socket: the operating system says who connects, so there is no password. */
      url: string
      socketDirectory: string
      port: number
      /** Only with TCP. */
      tcp?: { url: string; passwordFile: string }
    }

const database = 'postgres'
const defaultPort = 5432

/** How long each way of stopping may take. */
const stopSeconds = 20

/**
 * Starts the durable server of a project, making it when there is none; what runs already is left running. The data is
 * in `.kei/pg` of the project with fsync on, never in git, and stays until somebody removes that folder.
 *
 * Whoever runs kei connects over the socket as any role without a password (`peer`). TCP takes the password in
 * `.kei/pg/password`. As root the server runs as `nobody`, so that account must be able to pass through to the project.
 * @throws KeiError `project-not-passable`, `development-server-runs-otherwise`, `development-server-other-major`,
 * `development-server-not-made-here`, `development-server-failed`, `kei-folder-is-a-link`, `postgres-server-not-found`
 */
export async function startDevelopmentServer(start: DevelopmentStart): Promise<DevelopmentStatus> {
  const places = developmentPlaces(start.projectFolder)
  refuseLinks(places)
  checkPassable(start.projectFolder)
  await mkdir(places.kei, { recursive: true })
  keepOutOfGit(places)
  ownFolder(places.folder)
  return withLock(places.folder, async () => {
    const before = await developmentServerStatus(start)
    if (before.state !== 'absent') {
      if (start.adopt === true) await recordMadeHere(places, places.dataDirectory, start.cacheFolder)
      checkMadeHere(places, start.cacheFolder)
    }
    if (before.state !== 'absent' && start.major !== undefined && before.major !== start.major) {
      throw otherMajor(before.major, start.major, places)
    }
    if (before.state === 'running') {
      if (start.port === undefined || (before.tcp !== undefined && before.port === start.port)) return before
      throw runsOtherwise(start.port)
    }
    const major = before.state === 'stopped' ? before.major : (start.major ?? 17)
    const installation = findInstallation(major)
    const bin = await runnablePrograms(installation, start.cacheFolder, 'user')
    if (before.state === 'absent') {
      start.onProgress?.(`Making a PostgreSQL ${installation.version} for this project in ${places.folder}`)
      await makeCluster(bin, places, start.cacheFolder)
    }
    await startCluster(bin, places, start.port)
    await syncPrograms(installation, start.cacheFolder, 'user')
    return developmentServerStatus(start)
  })
}

/**
 * Stops the server of a project and waits for it; its data stays. Does nothing when it does not run.
 *
 * A fast shutdown that arrives while a server recovers from a crash may never end, so after 20 seconds an immediate one
 * follows: what was committed is in the write-ahead log, and the next start recovers it.
 * @throws KeiError `development-server-failed`, `development-server-not-made-here`
 */
export async function stopDevelopmentServer(project: DevelopmentProject): Promise<DevelopmentStatus> {
  const places = developmentPlaces(project.projectFolder)
  const before = await developmentServerStatus(project)
  if (before.state !== 'running') return before
  // Whom to stop is written in the data directory.
  checkMadeHere(places, project.cacheFolder)
  const bin = await runnablePrograms(findInstallation(before.major), project.cacheFolder, 'user')
  const stop = ['stop', '--wait', `--timeout=${stopSeconds}`]
  await control(bin, places, [...stop, '--mode=fast']).catch(async (error: unknown) => {
    if (runningServer(places) === undefined) throw error
    await control(bin, places, [...stop, '--mode=immediate'])
  })
  return developmentServerStatus(project)
}

/** Whether the project has a server, whether it runs, and how to connect. */
export async function developmentServerStatus(project: DevelopmentProject): Promise<DevelopmentStatus> {
  const places = developmentPlaces(project.projectFolder)
  const { dataDirectory, log } = places
  const versionFile = join(dataDirectory, 'PG_VERSION')
  if (!existsSync(versionFile)) return { state: 'absent' }
  const major = Number(readFileSync(versionFile, 'utf8'))
  const running = runningServer(places)
  if (running === undefined) return { state: 'stopped', major, dataDirectory }
  const { pid, port, socketDirectory, tcp } = running
  return {
    state: 'running',
    major,
    pid,
    dataDirectory,
    log,
    url: `postgresql://${superuser}@/${database}?host=${encodeURIComponent(socketDirectory)}&port=${port}`,
    socketDirectory,
    port,
    ...(tcp
      ? {
          tcp: {
            url: `postgresql://${superuser}@127.0.0.1:${port}/${database}`,
            passwordFile: places.passwordFile,
          },
        }
      : {}),
  }
}

/**
 * How to run psql in the server of a project. The caller starts it with the terminal's streams.
 * @throws KeiError `program-not-found`, `development-server-not-running`, `development-server-not-made-here`
 */
export async function psqlOfDevelopmentServer(
  project: DevelopmentProject,
  args: string[],
): Promise<{ program: string; args: string[]; note?: string }> {
  const status = await developmentServerStatus(project)
  if (status.state !== 'running') {
    throw usageError({
      code: 'development-server-not-running',
      message: "This project's development server does not run.",
      hint: 'Run `kei pg start`.',
    })
  }
  // Where to connect, and which psql, is written in the data directory.
  checkMadeHere(developmentPlaces(project.projectFolder), project.cacheFolder)
  const { path, major } = requirePsql(status.major)
  const note =
    major < status.major
      ? `psql is of PostgreSQL ${major}, the server of ${status.major}: some \\d commands may fail.`
      : undefined
  return { program: path, args: [...args, `--dbname=${status.url}`], ...(note !== undefined && { note }) }
}

/** As postmaster.pid has it: number, data directory, start time, port, socket directory, listen address … */
function runningServer(places: DevelopmentPlaces) {
  const path = join(places.dataDirectory, 'postmaster.pid')
  if (!existsSync(path)) return undefined
  const lines = readFileSync(path, 'utf8').split('\n')
  const pid = Number(lines[0])
  // After a power cut the number can be another program's.
  if (!(pid > 1) || commandLine(pid)?.includes(places.dataDirectory) !== true) return undefined
  return { pid, port: Number(lines[3]), socketDirectory: lines[4] ?? '', tcp: (lines[5] ?? '').trim() !== '' }
}

async function startCluster(bin: string, places: DevelopmentPlaces, port: number | undefined): Promise<void> {
  checkIncludesSettings(places)
  prepareSocketDirectory(places.socketDirectory)
  const settings = [
    '# Written by kei at every start.',
    `unix_socket_directories = '"${places.socketDirectory.replaceAll("'", "''").replaceAll('"', '""')}"'`,
    `listen_addresses = '${port === undefined ? '' : 'localhost'}'`,
    `port = ${port ?? defaultPort}`,
  ]
  writeFileSync(places.settingsFile, settings.map((line) => `${line}\n`).join(''), { mode: 0o644 })
  await control(bin, places, ['start', '--wait', '--timeout=120', '--silent', `--log=${places.log}`])
  if (port !== undefined && !existsSync(places.passwordFile)) await setPassword(places, port)
}

/** Set over the socket, hence after the start: until then TCP lets nobody in. */
async function setPassword(places: DevelopmentPlaces, port: number): Promise<void> {
  const password = randomBytes(24).toString('base64url')
  const client = new Client({ host: places.socketDirectory, port, user: superuser, database, ssl: false })
  await client.connect()
  try {
    await client.query(`ALTER ROLE ${superuser} PASSWORD '${password}'`)
  } finally {
    await client.end()
  }
  writeFileSync(places.passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' })
}

async function control(bin: string, places: DevelopmentPlaces, args: string[]): Promise<void> {
  try {
    await runAsServer(serverUser(), join(bin, 'pg_ctl'), [...args, '-D', places.dataDirectory])
  } catch (error) {
    const log = existsSync(places.log) ? readFileSync(places.log, 'utf8').trim().split('\n').slice(-5) : []
    throw serverFailed([(error as { stderr?: string }).stderr?.trim() ?? String(error), ...log].join('\n'), error)
  }
}

function prepareSocketDirectory(path: string): void {
  if (!existsSync(path)) serverFolder(path)
  const user = serverUser()
  let found = lstatSync(path)
  // Left by a start that was killed before it gave the folder to the server's account.
  if (user !== undefined && found.isDirectory() && found.uid === process.getuid?.()) {
    lchownSync(path, user.uid, user.gid)
    found = lstatSync(path)
  }
  const owner = user?.uid ?? process.getuid?.()
  if (found.isDirectory() && found.uid === owner && (found.mode & 0o777) === 0o700) return
  throw failure({
    code: 'folder-not-private',
    message: `${path} belongs to somebody else or is open to others, so kei puts no socket there.`,
    hint: `Remove ${path}, then run \`kei pg start\` again.`,
  })
}

function keepOutOfGit(places: DevelopmentPlaces): void {
  const path = join(places.kei, '.gitignore')
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) writeFileSync(path, '*\n')
}

function refuseLinks(places: DevelopmentPlaces): void {
  const link = [places.kei, places.folder, places.server].find(
    (path) => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === false,
  )
  if (link === undefined) return
  throw usageError({
    code: 'kei-folder-is-a-link',
    message: `${link} is not a folder; kei follows no link there.`,
    hint: 'Remove it.',
  })
}

function checkPassable(projectFolder: string): void {
  const user = serverUser()
  const closed = user && closedFolder(projectFolder, user)
  if (closed === undefined) return
  throw usageError({
    code: 'project-not-passable',
    message: `As root, the server runs under another account, which cannot pass through ${closed} to the project.`,
    hint: `Run kei as an ordinary user, or let others pass: chmod o+x ${closed}`,
  })
}

function otherMajor(present: number, wanted: number, places: DevelopmentPlaces): Error {
  return usageError({
    code: 'development-server-other-major',
    message: `This project's development server is PostgreSQL ${present}, not ${wanted}.`,
    hint: `Dump what you need, stop it with \`kei pg stop\`, remove ${places.folder} and start again.`,
  })
}

function runsOtherwise(port: number): Error {
  return usageError({
    code: 'development-server-runs-otherwise',
    message: `The development server runs, but not on TCP port ${port}.`,
    hint: `Run \`kei pg stop\`, then \`kei pg start --port ${port}\`.`,
  })
}
