import type { ClientBase } from 'pg'
import { authenticationMethods, hiddenSecret, hostTypes, secretOptions } from '../../findings/authentication.ts'
import type {
  Authentication,
  AuthenticationPlace,
  AuthenticationRecord,
  HostAddress,
} from '../../findings/authentication.ts'
import { parseAddress } from '../../findings/network.ts'

/** A row of pg_hba_file_rules; `file_name` since PostgreSQL 16. */
interface RuleRow {
  file_name?: string
  line_number: number
  type: string | null
  database: string[] | null
  user_name: string[] | null
  address: string | null
  netmask: string | null
  auth_method: string | null
  options: string[] | null
  error: string | null
}

/**
 * What the files of a running server say now, by pg_hba_file_rules: it may have loaded an older state of them. Wants
 * an open transaction, which it leaves as it was. Undefined where this role may not ask or the server cannot read them.
 */
export async function readAuthentication(client: ClientBase): Promise<Authentication | undefined> {
  const { rows: allowed } = await client.query<{ allowed: boolean }>(
    `SELECT has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE') AS allowed`,
  )
  if (allowed[0]?.allowed !== true) return undefined
  await client.query('SAVEPOINT kei_authentication')
  try {
    const { rows } = await client.query<{ rule: RuleRow }>(
      'SELECT to_jsonb(rule) AS rule FROM pg_catalog.pg_hba_file_rules() AS rule',
    )
    return authenticationOf(rows.map(({ rule }) => rule))
  } catch {
    await client.query('ROLLBACK TO SAVEPOINT kei_authentication')
    return undefined
  } finally {
    await client.query('RELEASE SAVEPOINT kei_authentication')
  }
}

function authenticationOf(rows: readonly RuleRow[]): Authentication {
  const authentication: Authentication = { from: 'server', records: [], faults: [], unread: [] }
  for (const row of rows) {
    const at: AuthenticationPlace = { kind: 'setting', name: `${row.file_name ?? 'pg_hba.conf'}:${row.line_number}` }
    // A line with a type and an error is one that cannot match now, because TLS is off: the server takes it.
    if (row.type === null) {
      authentication.faults.push({ at, message: withoutSecret(row.error ?? 'the server refuses an option') })
      continue
    }
    const record = recordOf(row, at)
    if (record === undefined) authentication.unread.push({ at, needs: `a kei that knows ${row.auth_method}` })
    else authentication.records.push(record)
  }
  return authentication
}

function recordOf(row: RuleRow, at: AuthenticationPlace): AuthenticationRecord | undefined {
  const method = authenticationMethods.find((known) => known === row.auth_method)
  if (method === undefined) return undefined
  const names = (list: string[] | null) => (list ?? []).map((text) => ({ text, quoted: false }))
  const parts = {
    databases: names(row.database),
    users: names(row.user_name),
    method,
    options: (row.options ?? []).map((option) => {
      const name = option.slice(0, option.indexOf('='))
      const value = option.slice(name.length + 1)
      return { name, value: secretOptions.has(name) ? hiddenSecret : value, at }
    }),
    at,
  }
  const type = hostTypes.find((known) => known === row.type)
  return type === undefined ? { type: 'local', ...parts } : { type, address: addressOf(row), ...parts }
}

function addressOf({ address, netmask }: RuleRow): HostAddress {
  if (address === 'all' || address === 'samehost' || address === 'samenet') return { kind: address }
  const bytes = parseAddress(address ?? '')
  const mask = parseAddress(netmask ?? '')
  const isNetwork = bytes !== undefined && mask !== undefined
  return isNetwork ? { kind: 'network', network: { address: bytes, mask } } : { kind: 'name', name: address ?? '' }
}

/** After a comma in a list of secrets without quotes the server names the next one. */
function withoutSecret(error: string): string {
  return error.replace(
    /((?:not in name=value format|unrecognized authentication option name): ).*/s,
    `$1${hiddenSecret}`,
  )
}
