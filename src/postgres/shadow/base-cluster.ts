import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { failure, usageError } from '../../errors.ts'
import { runAsServer, serverEnvironment, serverUser } from '../server-user.ts'
import { ownFolder, serverFolder } from './private-folder.ts'
import { withLock } from './process-lock.ts'
import { writeConfiguration } from './server-settings.ts'
import { isIntact, markUnsynced, syncMarked, syncPath } from './unsynced.ts'

/** What the superuser of a cluster logs in with. Both are random; the password is 32 random bytes. */
export interface Superuser {
  name: string
  password: string
}

/** A cluster that `initdb` made and nobody ever started for use: every throw-away cluster is a copy of it. */
export interface BaseCluster {
  dataDirectory: string
  /** File that holds its `Superuser`, 0600. */
  superuserFile: string
}

/**
 * UTF-8, and text compared and changed in case by Unicode's rules (ICU's root locale) as on most production servers,
 * whatever locales this machine has. Nobody can log in before kei's own pg_hba.conf is used.
 */
export const initdbOptions = [
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=icu',
  '--icu-locale=und',
  '--auth=reject',
]

/** Server programs of one version. */
export interface Programs {
  bin: string
  version: string
}

/**
 * The base cluster of exactly these programs, made when there is none. Takes a second or two then.
 * @throws KeiError `initdb-failed`, `user-without-name`
 */
export async function baseCluster(
  programs: Programs,
  cacheFolder: string,
  onProgress: (message: string) => void,
): Promise<BaseCluster> {
  const places = basePlaces(programs, cacheFolder)
  if (!isUsable(places)) {
    ownFolder(join(cacheFolder, 'bases'))
    await withLock(ownFolder(places.folder), async () => {
      if (isUsable(places)) return
      onProgress(`Preparing PostgreSQL ${programs.version} (once)`)
      for (const name of await readdir(places.folder)) {
        if (name === 'cluster' || name.startsWith('new-')) await rm(join(places.folder, name), { recursive: true })
      }
      await makeBase(programs.bin, places)
    })
  }
  return places
}

/** Brings a new base to the disk. */
export async function syncBase(programs: Programs, cacheFolder: string): Promise<void> {
  const places = basePlaces(programs, cacheFolder)
  await syncMarked(places.unsyncedMark, async () => {
    await runAsServer(serverUser(), join(programs.bin, 'initdb'), ['--sync-only', '-D', places.dataDirectory])
    await syncPath(places.superuserFile)
  })
}

function basePlaces(programs: Programs, cacheFolder: string) {
  const key = createHash('sha256')
    .update(JSON.stringify([programs.bin, initdbOptions]))
    .digest('hex')
    .slice(0, 16)
  const folder = join(cacheFolder, 'bases', `${programs.version}-${key}`)
  const cluster = join(folder, 'cluster')
  return {
    folder,
    cluster,
    dataDirectory: join(cluster, 'server', 'data'),
    superuserFile: join(cluster, 'superuser.json'),
    unsyncedMark: join(cluster, 'unsynced'),
  }
}

type BasePlaces = ReturnType<typeof basePlaces>

function isUsable(places: BasePlaces): boolean {
  return existsSync(places.cluster) && isIntact(places.unsyncedMark)
}

async function makeBase(bin: string, places: BasePlaces): Promise<void> {
  const draft = ownFolder(join(places.folder, `new-${randomBytes(8).toString('hex')}`))
  const dataDirectory = join(serverFolder(join(draft, 'server')), 'data')
  const superuser = { name: `kei_${randomBytes(6).toString('hex')}`, password: randomBytes(32).toString('hex') }
  try {
    const args = ['-D', dataDirectory, '-U', superuser.name, '--no-sync', ...initdbOptions]
    await runAsServer(serverUser(), join(bin, 'initdb'), args)
  } catch (error) {
    throw initFailed((error as { stderr?: string }).stderr ?? String(error), error)
  }
  const { configFile } = writeConfiguration(draft, dataDirectory)
  await runSingleUser(bin, dataDirectory, configFile, [
    `ALTER ROLE ${superuser.name} PASSWORD '${superuser.password}'`,
    'REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC',
  ])
  await writeFile(join(draft, basename(places.superuserFile)), JSON.stringify(superuser), { mode: 0o600 })
  markUnsynced(join(draft, basename(places.unsyncedMark)))
  await rename(draft, places.cluster)
}

/** The statements go in through standard input, one a line, since arguments can be read by other users. */
async function runSingleUser(
  bin: string,
  dataDirectory: string,
  configFile: string,
  statements: string[],
): Promise<void> {
  const args = ['--single', '-D', dataDirectory, '-c', `config_file=${configFile}`, '-c', 'log_min_messages=error']
  const child = spawn(join(bin, 'postgres'), [...args, 'postgres'], {
    ...serverUser(),
    cwd: '/',
    env: serverEnvironment(),
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stdin.on('error', () => undefined).end(statements.map((statement) => `${statement};\n`).join(''))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve)
  })
  // It goes on after an error and still exits with 0.
  if (code !== 0 || /\b(?:ERROR|FATAL|PANIC):/.test(output)) throw initFailed(output)
}

function initFailed(output: string, cause?: unknown): Error {
  if (/could not look up effective user ID|user does not exist/.test(output)) {
    return usageError({
      code: 'user-without-name',
      message: `PostgreSQL does not run under user id ${process.getuid?.()}, which has no name on this machine.`,
      hint: 'Add a line for the user to /etc/passwd, or run kei as a user that has one.',
      cause,
    })
  }
  const lines = output.trim().split('\n').slice(-5).join('\n')
  return failure({
    code: 'initdb-failed',
    message: `PostgreSQL could not be set up in kei's cache folder: ${lines}`,
    hint: 'Check the free space of the disk and that the cache folder (KEI_CACHE_DIR) may hold programs.',
    cause,
  })
}
