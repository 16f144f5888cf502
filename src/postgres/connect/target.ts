import { KeiError, usageError } from '../../errors.ts'
import { nearest } from '../../findings/nearest.ts'
import { parseConnectionString } from './connection-string.ts'
import { stringsOfEnvironment } from './gather.ts'
import type { GivenString, Surroundings } from './gather.ts'
import { secretKeywords } from './keywords.ts'
import { resolveConnection } from './resolve.ts'
import type { ResolvedConnection } from './resolve.ts'

/** A connection string, or the name of the environment variable that holds it. */
export type TargetUrl = string | { readonly env: string }

/** A target as `kei.jsonc` describes it. */
export interface TargetSettings {
  /** Default: what the surroundings say. */
  url?: TargetUrl
  /** The way to the server itself, where `url` leads to a pooler. */
  directUrl?: TargetUrl
  /** Default: false. */
  production?: boolean
}

/** What the command line and `kei.jsonc` say about where to connect. */
export interface TargetRequest {
  /** `--url`. */
  url?: string
  /** `--direct-url`. */
  directUrl?: string
  /** `--target`: a key of `targets`. */
  target?: string
  targets?: Readonly<Record<string, TargetSettings>>
  /** The folder of `kei.jsonc`, which a relative `sslrootcert` in it is relative to. Default: the working directory. */
  configFolder?: string
}

/** Where a command goes. Holds passwords: never print it whole. */
export interface ResolvedTarget {
  /** The name of the target; undefined where none was asked for. */
  name?: string
  /** Whether a command that writes asks first: `confirmTarget`. */
  production: boolean
  /** The way for everything, through a pooler or not. */
  connection: ResolvedConnection
  /** The way past the pooler, where one is known. Open it by `connectDirect`. */
  direct?: ResolvedConnection
  /** What a user should know, of both ways. */
  notes: readonly string[]
}

/**
 * Finds where to go: `--url`, else the target's `url`, else what the surroundings say (`resolveConnection`). The direct
 * way is `--direct-url`, else the target's `directUrl`, else KEI_DIRECT_DATABASE_URL; that variable belongs to the
 * connection that the environment names, and is left aside with a note where `--url` or a target names another. What
 * `kei.jsonc` names gets no secret of the surroundings that is not for its host: see `withholding`.
 * @throws KeiError `unknown-target`, `target-variable-unset`, `password-in-config`, `unfit-target-parameter`; those of
 * `resolveConnection`
 */
export function resolveTarget(surroundings: Surroundings, request: TargetRequest): ResolvedTarget {
  const notes: string[] = []
  const { environment } = surroundings
  const usesTarget = request.target !== undefined && request.url === undefined
  if (request.target !== undefined && !usesTarget) notes.push('--target is left aside, because --url is given.')
  const settings = usesTarget ? settingsOf(request.target ?? '', request.targets ?? {}) : {}
  const string = (key: 'url' | 'directUrl') => targetString(key, settings[key], request, environment)

  const given =
    request.url !== undefined
      ? ofCommandLine('--url', request.url)
      : (string('url') ?? stringsOfEnvironment(surroundings)[0])
  if (given === 'unset') throw variableUnset(request.target ?? '', settings.url)
  const isOfEnvironment = request.url === undefined && settings.url === undefined
  const direct =
    request.directUrl !== undefined
      ? ofCommandLine('--direct-url', request.directUrl)
      : (string('directUrl') ?? directOfEnvironment(environment, isOfEnvironment, notes))
  if (direct === 'unset' && typeof settings.directUrl === 'object') {
    notes.push(
      `There is no direct connection: ${settings.directUrl.env}, which targets.${request.target}.directUrl of kei.jsonc ` +
        'names, is not set.',
    )
  }

  const connection = resolveConnection(surroundings, given)
  const resolvedDirect =
    direct === undefined || direct === 'unset' ? undefined : resolveConnection(surroundings, direct)
  return {
    ...(usesTarget && { name: request.target }),
    production: settings.production ?? false,
    connection,
    ...(resolvedDirect !== undefined && { direct: resolvedDirect }),
    notes: [...new Set([...notes, ...connection.notes, ...(resolvedDirect?.notes ?? [])])],
  }
}

function settingsOf(name: string, targets: Readonly<Record<string, TargetSettings>>): TargetSettings {
  const settings = Object.hasOwn(targets, name) ? targets[name] : undefined
  if (settings !== undefined) return settings
  const known = Object.keys(targets)
  const meant = nearest(name, known)
  throw usageError({
    code: 'unknown-target',
    message: `kei.jsonc has no target ${JSON.stringify(name)}.`,
    hint:
      meant !== undefined
        ? `Did you mean --target ${meant}?`
        : known.length > 0
          ? `Its targets: ${known.join(', ')}.`
          : `Name it there: "targets": { "prod": { "url": "postgresql://app@db.example.com/shop" } }.`,
  })
}

function ofCommandLine(name: string, text: string): GivenString {
  return { name, text, by: 'user' }
}

/** The string of a target; `unset` where the variable that it names holds none. */
function targetString(
  key: 'url' | 'directUrl',
  url: TargetUrl | undefined,
  { target = '', configFolder }: TargetRequest,
  environment: Surroundings['environment'],
): GivenString | 'unset' | undefined {
  if (url === undefined) return undefined
  const name = `targets.${target}.${key} of kei.jsonc`
  if (typeof url === 'string') {
    refuseInRepository(name, parseConnectionString(url, name).values)
    return { name, text: url, by: 'repository', ...(configFolder !== undefined && { folder: configFolder }) }
  }
  const text = environment[url.env]
  if (text === undefined || text === '') return 'unset'
  refuseInVariable(url.env, name, text)
  return { name: `${url.env} (${name})`, text, by: 'repository' }
}

/** Files of one's own machine: a repository that named them would have kei use any certificate or service. */
const ownFiles = ['servicefile', 'passfile']
const ownFilesAndKeys = [...ownFiles, 'sslcert', 'sslkey']

function refuseInRepository(name: string, values: ReadonlyMap<string, string>): void {
  if ([...values.keys()].some((keyword) => secretKeywords.has(keyword))) {
    throw usageError({
      code: 'password-in-config',
      message: `${name} holds a password.`,
      hint:
        'Take it out, and change it if the file was ever committed. Keep it in ~/.pgpass or a service file, or keep ' +
        'the whole string in an environment variable: { "env": "NAME" } instead of it.',
    })
  }
  refuseKeywords(name, values, ownFilesAndKeys)
}

/**
 * Which variable is read, the repository chose: it may be one with somebody else's text (the message of a commit), or
 * a secret that is no connection string. So no message tells what is in it.
 */
function refuseInVariable(variable: string, name: string, text: string): void {
  let values: ReadonlyMap<string, string>
  try {
    ;({ values } = parseConnectionString(text, variable))
  } catch (error) {
    if (!(error instanceof KeiError)) throw error
    throw usageError({
      code: 'invalid-connection-string',
      message: `${variable}, which ${name} names, does not hold a connection string that can be read.`,
      hint: `\`KEI_DATABASE_URL="$${variable}" kei connect --explain\` says why.`,
    })
  }
  refuseKeywords(variable, values, ownFiles)
}

function refuseKeywords(name: string, values: ReadonlyMap<string, string>, keywords: readonly string[]): void {
  const keyword = keywords.find((candidate) => values.has(candidate))
  if (keyword === undefined) return
  throw usageError({
    code: 'unfit-target-parameter',
    message: `${name} sets ${keyword}, which says where something of yours lies on this machine.`,
    hint: `Set it in a service of ~/.pg_service.conf (service=NAME), or by its PG* variable.`,
  })
}

function variableUnset(target: string, url: TargetUrl | undefined): Error {
  const variable = typeof url === 'object' ? url.env : ''
  return usageError({
    code: 'target-variable-unset',
    message: `${variable}, which targets.${target}.url of kei.jsonc names, is not set.`,
    hint: `Set ${variable} to the connection string of ${target}.`,
  })
}

const directVariable = 'KEI_DIRECT_DATABASE_URL'

function directOfEnvironment(
  environment: Surroundings['environment'],
  isOfEnvironment: boolean,
  notes: string[],
): GivenString | undefined {
  const text = environment[directVariable]
  if (text === undefined || text === '') return undefined
  if (isOfEnvironment) return { name: directVariable, text, by: 'user' }
  notes.push(
    `${directVariable} is left aside: it belongs to the connection that the environment names. ` +
      'Give --direct-url, or set directUrl of the target.',
  )
  return undefined
}
