import type { SettingLocation } from './location.ts'
import type { Network } from './network.ts'
import type { TextPlace } from './text-place.ts'

/** Who may log in from where and how: a pg_hba.conf with all that it includes, or pg_hba_file_rules of a server. */
export interface Authentication {
  from: 'file' | 'server'
  /** In the order in which the server tries them: the first that matches counts. */
  records: AuthenticationRecord[]
  /** Lines that the server refuses; with one of them it keeps the rules it had, or does not start. */
  faults: { at: AuthenticationPlace; message: string }[]
  /** What is named and not known, in words that follow "needs": `the file /etc/postgresql/hba.conf`. */
  unread: { at: AuthenticationPlace; needs: string }[]
}

/** In a file of the repository; of a server, `file:line` as it names them. */
export type AuthenticationPlace = TextPlace | SettingLocation

/** One line of pg_hba.conf. */
export type AuthenticationRecord = LocalRecord | HostRecord

export interface LocalRecord extends RecordParts {
  type: 'local'
}

export interface HostRecord extends RecordParts {
  type: HostType
  address: HostAddress
}

export type HostType = 'host' | 'hostssl' | 'hostnossl' | 'hostgssenc' | 'hostnogssenc'

interface RecordParts {
  databases: AuthenticationName[]
  users: AuthenticationName[]
  /** `ident` on a local line is `peer`, as the server takes it. */
  method: AuthenticationMethod
  /** In order; a later one of the same name counts. */
  options: AuthenticationOption[]
  at: AuthenticationPlace
}

/** A database or user as written, without its quotes. */
export interface AuthenticationName {
  text: string
  /** A quoted keyword is a plain name. Of a server it is not known, and false. */
  quoted: boolean
}

/** `name`: a host name, or with a dot before it all names that end so. */
export type HostAddress =
  | { kind: 'all' | 'samehost' | 'samenet' }
  | { kind: 'network'; network: Network }
  | { kind: 'name'; name: string }

export interface AuthenticationOption {
  name: string
  /** Asterisks for a secret, so that nothing can print it; a placeholder for one as it is written. */
  value: string
  at: AuthenticationPlace
}

export const authenticationMethods = [
  'trust',
  'reject',
  'scram-sha-256',
  'md5',
  'password',
  'gss',
  'sspi',
  'ident',
  'peer',
  'ldap',
  'radius',
  'cert',
  'pam',
  'bsd',
  'oauth',
] as const

export type AuthenticationMethod = (typeof authenticationMethods)[number]

export const hostTypes: readonly HostType[] = ['host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc']

/** The options whose values are secrets. Source: PostgreSQL manual, "LDAP Authentication", "RADIUS Authentication". */
export const secretOptions: ReadonlySet<string> = new Set(['ldapbindpasswd', 'radiussecrets'])

/** What stands for a secret. */
export const hiddenSecret = '********'
