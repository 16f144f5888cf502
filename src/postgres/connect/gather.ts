import { resolve } from 'node:path'
import { usageError } from '../../errors.ts'
import { parseConnectionString } from './connection-string.ts'
import { keywords } from './keywords.ts'
import type { Origin, Parameter } from './origin.ts'
import { readService } from './service-file.ts'

/** A file that may be read to find out where to connect. */
export type FileState =
  | { kind: 'missing' }
  | { kind: 'unreadable'; reason: string }
  /** @param openToOthers whether anyone but its owner may read it. */
  | { kind: 'text'; text: string; openToOthers: boolean }

/** What this process is surrounded by, as far as it decides where to connect. All of it is the user's own. */
export interface Surroundings {
  environment: Readonly<Record<string, string | undefined>>
  operatingSystemUser: string
  homeDirectory: string
  file: (path: string) => FileState
}

/** A connection string, and where it was given. */
export interface GivenString {
  /** For messages: `--url`, `DATABASE_URL`, `targets.prod.url of kei.jsonc`. */
  name: string
  text: string
  /** Who chose it. What a repository chose gets no secret that is not for its host: see `withhold.ts`. */
  by: 'user' | 'repository'
  /** Where a relative `sslrootcert` in it begins. Default: the working directory. */
  folder?: string
}

/** Values by keyword; one with nothing in it is set, and stands for the default. */
export type Values = Map<string, Parameter>

export interface Gathered {
  values: Values
  /** What the surroundings say of keywords that the string sets. */
  overridden: Values
}

/** Sets one value, whatever it was before. */
export function set(values: Values, keyword: string, value: string, origin: Origin): void {
  values.set(keyword, { keyword, value, origin })
}

/**
 * Values in order of precedence: the string, its service or PGSERVICE, the PG* variables. The first that names a
 * keyword wins, even with nothing in it, as in libpq.
 */
export function gather(surroundings: Surroundings, given: GivenString | undefined, notes: string[]): Gathered {
  const values: Values = new Map()
  const overridden: Values = new Map()
  if (given !== undefined) readGiven(given, values, notes)
  const fill = (keyword: string, value: string, origin: Origin) => {
    if (!values.has(keyword)) set(values, keyword, value, origin)
    else if (values.get(keyword)?.origin.kind === 'connection string' && !overridden.has(keyword)) {
      set(overridden, keyword, value, origin)
    }
  }
  fillFromService(fill, values, surroundings)
  for (const [keyword, { variable }] of Object.entries(keywords)) {
    const value = variable === undefined ? undefined : surroundings.environment[variable]
    if (variable !== undefined && value !== undefined) fill(keyword, value, { kind: 'environment', variable })
  }
  if (given?.by === 'repository') keepProtections(values, overridden)
  return { values, overridden }
}

/** The strings that the environment holds, in order of precedence. */
export function stringsOfEnvironment({ environment }: Surroundings): GivenString[] {
  return ['KEI_DATABASE_URL', 'DATABASE_URL'].flatMap((name) => {
    const text = environment[name]
    return text === undefined || text === '' ? [] : [{ name, text, by: 'user' }]
  })
}

function readGiven(given: GivenString, values: Values, notes: string[]): void {
  const { name, text, by, folder } = given
  const { values: named, foreign } = parseConnectionString(text, name)
  for (const [keyword, value] of named) set(values, keyword, value, { kind: 'connection string', given: name })
  if (foreign.length > 0) {
    notes.push(`${name}: ${foreign.join(', ')} is for an application's driver and was left aside.`)
  }
  if (name.startsWith('--') && named.has('password')) {
    notes.push(
      `A password in ${name} is seen by every user of this machine in the list of processes, and is kept in ` +
        'the history of the shell. Use KEI_DATABASE_URL, PGPASSWORD or a password file.',
    )
  }
  const root = named.get('sslrootcert')
  if (folder !== undefined && root && root !== 'system') {
    set(values, 'sslrootcert', resolve(folder, root), { kind: 'connection string', given: name })
  }
  // PGHOSTADDR is the address of another host; who names a target must not get to that one.
  if (by === 'repository' && named.get('host') && !named.has('hostaddr')) {
    set(values, 'hostaddr', '', { kind: 'connection string', given: name })
  }
}

/** What the user asks for and kei cannot keep to is refused, also when a repository says otherwise. */
function keepProtections(values: Values, overridden: Values): void {
  for (const [keyword, parameter] of overridden) {
    if (keywords[keyword]?.use === 'refused') values.set(keyword, parameter)
  }
}

type Fill = (keyword: string, value: string, origin: Origin) => void

function fillFromService(fill: Fill, values: Values, { environment, homeDirectory, file: read }: Surroundings): void {
  const service = values.get('service')?.value ?? environment['PGSERVICE']
  if (service === undefined || service === '') return
  const named = values.get('servicefile')?.value || environment['PGSERVICEFILE']
  const own = named || `${homeDirectory}/.pg_service.conf`
  const systemFolders = environment['PGSYSCONFDIR'] ? [environment['PGSYSCONFDIR']] : ['/etc/postgresql-common', '/etc']
  const files = [own, ...systemFolders.map((folder) => `${folder}/pg_service.conf`)]
  for (const file of files) {
    const state = read(file)
    if (state.kind === 'text') {
      const found = readService(state.text, service, file)
      if (found === undefined) continue
      for (const [keyword, value] of found) fill(keyword, value, { kind: 'service', service, file })
      return
    }
    if (file === named || state.kind === 'unreadable') {
      throw serviceNotFound(`The service file ${file} ${state.kind === 'missing' ? 'does not exist' : state.reason}.`)
    }
  }
  throw serviceNotFound(`The service ${JSON.stringify(service)} is in none of ${files.join(', ')}.`)
}

function serviceNotFound(message: string): Error {
  return usageError({
    code: 'service-not-found',
    message,
    hint: 'Services are sections of ~/.pg_service.conf, or of the file that PGSERVICEFILE names.',
  })
}
