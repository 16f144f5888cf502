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

/** All that decides where to connect. */
export interface ConnectionInputs {
  /** The value of `--url`. */
  url?: string
  environment: Readonly<Record<string, string | undefined>>
  operatingSystemUser: string
  homeDirectory: string
  file: (path: string) => FileState
}

/** Values by keyword; one with nothing in it is set, and stands for the default. */
export type Values = Map<string, Parameter>

/** Sets one value, whatever it was before. */
export function set(values: Values, keyword: string, value: string, origin: Origin): void {
  values.set(keyword, { keyword, value, origin })
}

/** Values in order of precedence; the first that names a keyword wins, even with nothing in it, as in libpq. */
export function gather(inputs: ConnectionInputs, notes: string[]): Values {
  const values: Values = new Map()
  const given = givenString(inputs)
  if (given !== undefined) {
    const { values: named, foreign } = parseConnectionString(given.text, given.name)
    for (const [keyword, value] of named) set(values, keyword, value, { kind: 'connection string', given: given.name })
    if (foreign.length > 0) {
      notes.push(`${given.name}: ${foreign.join(', ')} is for an application's driver and was left aside.`)
    }
    if (given.name === '--url' && named.has('password')) {
      notes.push(
        'A password in --url is seen by every user of this machine in the list of processes, and is kept in ' +
          'the history of the shell. Use KEI_DATABASE_URL, PGPASSWORD or a password file.',
      )
    }
  }
  addService(values, inputs)
  for (const [keyword, { variable }] of Object.entries(keywords)) {
    const value = variable === undefined ? undefined : inputs.environment[variable]
    if (variable === undefined || value === undefined || values.has(keyword)) continue
    set(values, keyword, value, { kind: 'environment', variable })
  }
  return values
}

function givenString({ url, environment }: ConnectionInputs): { name: string; text: string } | undefined {
  if (url !== undefined) return { name: '--url', text: url }
  for (const name of ['KEI_DATABASE_URL', 'DATABASE_URL']) {
    const text = environment[name]
    if (text !== undefined && text !== '') return { name, text }
  }
  return undefined
}

function addService(values: Values, { environment, homeDirectory, file: read }: ConnectionInputs): void {
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
      for (const [keyword, value] of found) {
        if (!values.has(keyword)) set(values, keyword, value, { kind: 'service', service, file })
      }
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
