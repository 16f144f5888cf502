import type { ConnectionPassword, Syntax } from './connection-password.ts'

const postgresName =
  /(?:^|[^a-z])(?:pg|psql|pgbouncer|pgpool|patroni|repmgr|timescale|timescaledb|neon)(?![a-z])|(?:^|[^a-z])pg_?pass|postgres|pgsql/i
const databaseName =
  /(?:^|[^a-z])(?:db|database|databases|datasource|jdbc|r2dbc|sql|rds|aurora|hikari|flyway|liquibase)(?![a-z])|(?:^|[^a-z])db_?(?:user_?)?pass|database|datasource/i
/** A key that says nothing of whose password it is. */
const plainName =
  /^(?:.*\.)?(?:set|with|the)?(?:(?:master|admin|administrator|root|app|user|owner|login|replication|repl|superuser|auth|connection|conn|service|standby)[-_]?){0,2}(?:password|passwd|passphrase|pass|pwd)$/i

const postgresWord =
  /postgres|postgis|pgsql|psycopg|npgsql|asyncpg|pg8000|pgbouncer|pgcat|pgpool|pgdog|odyssey|timescale|\bpg(?!-?admin|p\b)|\blibpq\b|\bsqlalchemy\b|\b[56]432\b/i
const otherWord =
  /mysql|maria|redis|valkey|mongo|rabbit|amqp|smtp|\bmail|mailer|imap|elastic|opensearch|kafka|ldap|mssql|sqlserver|oracle|clickhouse|sentry|grafana|keycloak|minio|nexus|registry|proxy|keystore|truststore|ftp|cassandra|neo4j|couch|influx|snowflake|memcache|basic_?auth|pg-?admin|sonar|jenkins|gitlab_root|vnc|windows|certificate|etcd|consul|zookeeper|vault_/i
const databaseWord = /database|(?:^|[^a-z])db(?![a-z])|datasource|(?:^|[^a-z])rds(?![a-z])|sql_user|aurora/i
/** A key that stands beside the password of a database. */
const siblingKey =
  /(?:^|[\s"'{,[(:._])(?:host(?:name)?|database|db_?name|adapter|dialect|engine|user(?:name)?)["'\]]{0,2}\s*(?:=>|[:=])/i

/** Whom a text speaks of; found once for all its names. */
export interface TextAbout {
  postgres: boolean
  other: boolean
}

export function aboutOf(file: string, text: string): TextAbout {
  return { postgres: postgresWord.test(file) || postgresWord.test(text), other: otherWord.test(text) }
}

/** Whose password a name has. `lines` are those around it, nearest first. */
export function ownerOf(name: string, lines: readonly string[], about: TextAbout): ConnectionPassword['of'] {
  if (otherWord.test(name)) return 'other'
  if (postgresName.test(name)) return 'postgres'
  const speaking = lines.find((line) => postgresWord.test(line) || otherWord.test(line))
  const isPostgres = speaking !== undefined && postgresWord.test(speaking)
  if (databaseName.test(name)) return isPostgres || about.postgres || !about.other ? 'postgres' : 'other'
  if (!plainName.test(name)) return 'other'
  if (speaking !== undefined) return isPostgres ? 'postgres' : 'other'
  const isDatabase = about.postgres && (standsBesideConnection(lines) || lines.some((line) => databaseWord.test(line)))
  return isDatabase ? 'postgres' : 'other'
}

/** Whether a key beside it says that it is a connection's. */
export function standsBesideConnection(lines: readonly string[]): boolean {
  return lines.some((line) => siblingKey.test(line))
}

export function isPlainName(name: string): boolean {
  return plainName.test(name)
}

/** What the lines say of the connection: in them, nearest first, a key with the same beginning as `name`, or alone. */
export function connectionAround(
  name: string,
  lines: readonly string[],
  syntax: Syntax,
): Pick<ConnectionPassword, 'user' | 'host'> & { database?: string } {
  const prefix =
    /^(?:.*\.)?(.*?)[-_]?(?:(?:user|master|admin)[-_]?)?(?:password|passwd|passphrase|pass|pwd)/i.exec(name)?.[1] ?? ''
  const host =
    valueOfKey('host(?:name|addr)?|server|endpoint|addr(?:ess)?|fqdn', prefix, lines, syntax) ?? hostOfUrl(lines)
  const user = valueOfKey('user(?:[-_]?name)?|role|login', prefix, lines, syntax)
  const database = valueOfKey('database|db|db_?name|name', prefix, lines, syntax)
  return {
    ...(host !== undefined && { host }),
    ...(user !== undefined && { user }),
    ...(database !== undefined && { database }),
  }
}

function valueOfKey(keys: string, prefix: string, lines: readonly string[], syntax: Syntax): string | undefined {
  const value = syntax === 'code' ? '[^\\n,;]*?["\']([^"\'\\n]*)["\']' : '["\']?([^\\s"\',;})]+)'
  const after = `(?:${keys})["'\\]]{0,2}\\s*(?:=>|:=|[:=]|\\()\\s*${value}`
  for (const before of [`${literal(prefix)}[-_]?`, '']) {
    const key = new RegExp(`(?:^|[^a-z_-])${before}${after}`, 'i')
    for (const line of lines) {
      const found = key.exec(line)?.[1]
      if (found !== undefined) return found
    }
    if (prefix === '') return undefined
  }
  return undefined
}

function hostOfUrl(lines: readonly string[]): string | undefined {
  for (const line of lines) {
    const host = /(?:postgres(?:ql)?|postgis|pgsql):(?:\/\/)?(?:[^@\s"']*@)?(?:host=)?([^\s/"':?,;@]+)/i.exec(line)?.[1]
    if (host !== undefined) return host
  }
  return undefined
}

function literal(text: string): string {
  return text.replace(/[^\w]/g, (sign) => `\\${sign}`)
}
