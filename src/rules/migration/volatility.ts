import type { Node } from '@pgsql/types'
import { namesOf, nodeOf } from '../../sql/statement.ts'
import type { Statement } from '../../sql/statement.ts'
import { findNodes } from '../../sql/walk.ts'
import { statementsBefore } from '../domain.ts'
import type { StatementSubject } from '../subject.ts'

/** Whether a new column's default has one value for all rows that are there, and if not, because of which call. */
export type Volatility = { kind: 'one value' } | { kind: 'volatile' | 'unknown'; call: string }

const words = (list: string) => new Set(list.split(' '))

/**
 * Functions that people use in defaults and that are volatile: PostgreSQL's own, and those of uuid-ossp and pgcrypto.
 * Source: pg_proc.provolatile; the test beside this file asks the servers.
 */
export const volatileFunctions: ReadonlySet<string> = words(
  'clock_timestamp currval gen_random_bytes gen_random_uuid gen_salt lastval nextval random random_normal set_config ' +
    'setval timeofday uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 uuidv4 uuidv7',
)

/** Functions that people use in defaults and that are not volatile in any of their forms. Source: as above. */
export const settledFunctions: ReadonlySet<string> = words(
  'abs age array_fill array_to_string bit_length btrim ceil ceiling char_length chr concat concat_ws ' +
    'convert_from convert_to current_database current_schema current_schemas current_setting current_user date ' +
    'date_add date_part date_subtract date_trunc daterange decode digest encode extract floor format hmac ' +
    'inet_client_addr inet_client_port inet_server_addr initcap int4range int8range json_build_array ' +
    'json_build_object json_object jsonb_build_array jsonb_build_object jsonb_object justify_interval left ' +
    'length lower lpad ltrim make_date make_interval make_time make_timestamp make_timestamptz md5 mod now ' +
    'numrange octet_length overlay pg_backend_pid pg_current_xact_id position power repeat replace reverse right ' +
    'round rpad rtrim session_user sha224 sha256 sha384 sha512 sign split_part sqrt statement_timestamp ' +
    'string_to_array strpos substr substring timezone to_char to_date to_json to_jsonb to_number to_timestamp ' +
    'to_tsvector transaction_timestamp translate trunc tsrange tstzrange txid_current upper uuid_generate_v3 ' +
    'uuid_generate_v5 uuid_nil uuid_ns_dns uuid_ns_oid uuid_ns_url uuid_ns_x500 version',
)

/** Of a default as it is written; functions of the history are judged by the text that creates them. */
export function volatilityOf(expression: Node, subject: StatementSubject): Volatility {
  let unknown: string | undefined
  for (const call of findNodes(expression, 'FuncCall')) {
    const names = namesOf({ List: { items: call.funcname ?? [] } })
    const [name = '', schema] = names.toReversed()
    const volatility = volatilityOfCall(name, schema, subject)
    if (volatility === 'volatile') return { kind: 'volatile', call: `${names.join('.')}()` }
    if (volatility === 'unknown') unknown ??= `${names.join('.')}()`
  }
  return unknown === undefined ? { kind: 'one value' } : { kind: 'unknown', call: unknown }
}

function volatilityOfCall(
  name: string,
  schema: string | undefined,
  subject: StatementSubject,
): 'one value' | 'volatile' | 'unknown' {
  if (schema === undefined || schema === 'pg_catalog') {
    if (volatileFunctions.has(name)) return 'volatile'
    if (settledFunctions.has(name)) return 'one value'
  }
  const declared = [...statementsBefore(subject)].filter((each) => functionName(each) === name)
  const [first = 'unknown', ...others] = declared.map(declaredVolatility)
  if (declared.length === 0) return volatileFunctions.has(name) ? 'volatile' : 'unknown'
  return others.every((other) => other === first) ? first : 'unknown'
}

function functionName({ node, tag }: Statement): string | undefined {
  if (tag === 'CreateFunctionStmt') {
    return namesOf({ List: { items: nodeOf(node, tag)?.funcname ?? [] } }).at(-1)
  }
  if (tag === 'AlterFunctionStmt') {
    return namesOf({ List: { items: nodeOf(node, tag)?.func?.objname ?? [] } }).at(-1)
  }
  return undefined
}

function declaredVolatility({ node }: Statement): 'one value' | 'volatile' | 'unknown' {
  const create = nodeOf(node, 'CreateFunctionStmt')
  const options = (create?.options ?? []).map((option) => nodeOf(option, 'DefElem'))
  const textOf = (name: string) =>
    nodeOf(options.find((option) => option?.defname === name)?.arg, 'String')?.sval?.toLowerCase()
  const volatility = textOf('volatility') ?? 'volatile'
  if (create === undefined) return 'unknown'
  if (volatility !== 'volatile') return 'one value'
  // One in SQL is inlined where it can be, and then what it calls decides.
  return (textOf('language') ?? 'sql') === 'sql' ? 'unknown' : 'volatile'
}
