/** What kei does with a parameter of libpq: uses it, leaves it aside with a note, or refuses it because it would protect. */
type Use = 'used' | 'ignored' | 'refused'

interface Keyword {
  /** The environment variable that sets it. */
  variable?: string
  use: Use
  /** Values that ask for nothing beyond what kei does anyway. */
  harmless?: readonly string[]
}

/**
 * The parameters of a connection that libpq 18 knows, by keyword.
 * Source: PostgreSQL manual, "Parameter Key Words" and "Environment Variables".
 */
export const keywords: Readonly<Record<string, Keyword>> = {
  host: { variable: 'PGHOST', use: 'used' },
  hostaddr: { variable: 'PGHOSTADDR', use: 'used' },
  port: { variable: 'PGPORT', use: 'used' },
  dbname: { variable: 'PGDATABASE', use: 'used' },
  user: { variable: 'PGUSER', use: 'used' },
  password: { variable: 'PGPASSWORD', use: 'used' },
  passfile: { variable: 'PGPASSFILE', use: 'used' },
  service: { variable: 'PGSERVICE', use: 'used' },
  servicefile: { variable: 'PGSERVICEFILE', use: 'used' },
  options: { variable: 'PGOPTIONS', use: 'used' },
  application_name: { variable: 'PGAPPNAME', use: 'used' },
  fallback_application_name: { use: 'used' },
  connect_timeout: { variable: 'PGCONNECT_TIMEOUT', use: 'used' },
  target_session_attrs: { variable: 'PGTARGETSESSIONATTRS', use: 'used' },
  sslmode: { variable: 'PGSSLMODE', use: 'used' },
  sslrootcert: { variable: 'PGSSLROOTCERT', use: 'used' },
  sslcert: { variable: 'PGSSLCERT', use: 'used' },
  sslkey: { variable: 'PGSSLKEY', use: 'used' },
  sslpassword: { use: 'used' },
  sslnegotiation: { variable: 'PGSSLNEGOTIATION', use: 'used' },
  channel_binding: { variable: 'PGCHANNELBINDING', use: 'used' },
  client_encoding: { variable: 'PGCLIENTENCODING', use: 'ignored', harmless: ['utf8', 'utf-8', 'auto'] },
  load_balance_hosts: { variable: 'PGLOADBALANCEHOSTS', use: 'ignored', harmless: ['disable'] },
  sslsni: { variable: 'PGSSLSNI', use: 'ignored', harmless: ['1'] },
  sslcompression: { variable: 'PGSSLCOMPRESSION', use: 'ignored', harmless: ['0'] },
  sslcertmode: { variable: 'PGSSLCERTMODE', use: 'ignored', harmless: ['allow'] },
  sslkeylogfile: { use: 'ignored' },
  keepalives: { use: 'ignored', harmless: ['0', '1'] },
  keepalives_idle: { use: 'ignored' },
  keepalives_interval: { use: 'ignored' },
  keepalives_count: { use: 'ignored' },
  tcp_user_timeout: { use: 'ignored' },
  krbsrvname: { variable: 'PGKRBSRVNAME', use: 'ignored' },
  gsslib: { variable: 'PGGSSLIB', use: 'ignored' },
  gssdelegation: { variable: 'PGGSSDELEGATION', use: 'ignored', harmless: ['0'] },
  oauth_issuer: { use: 'ignored' },
  oauth_client_id: { use: 'ignored' },
  oauth_client_secret: { use: 'ignored' },
  oauth_scope: { use: 'ignored' },
  scram_client_key: { use: 'ignored' },
  scram_server_key: { use: 'ignored' },
  min_protocol_version: { variable: 'PGMINPROTOCOLVERSION', use: 'ignored', harmless: ['3.0'] },
  max_protocol_version: { variable: 'PGMAXPROTOCOLVERSION', use: 'ignored', harmless: ['3.0', '3.2', 'latest'] },
  gssencmode: { variable: 'PGGSSENCMODE', use: 'refused', harmless: ['disable', 'prefer'] },
  requirepeer: { variable: 'PGREQUIREPEER', use: 'refused' },
  require_auth: { variable: 'PGREQUIREAUTH', use: 'refused' },
  sslcrl: { variable: 'PGSSLCRL', use: 'refused' },
  sslcrldir: { variable: 'PGSSLCRLDIR', use: 'refused' },
  ssl_min_protocol_version: {
    variable: 'PGSSLMINPROTOCOLVERSION',
    use: 'refused',
    harmless: ['TLSv1', 'TLSv1.1', 'TLSv1.2'],
  },
  ssl_max_protocol_version: { variable: 'PGSSLMAXPROTOCOLVERSION', use: 'refused', harmless: ['TLSv1.3'] },
  replication: { use: 'refused', harmless: ['false', 'off', 'no', '0'] },
}

/** Values of sslmode, the weakest first. */
export const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof sslModes)[number]

/** Parameters whose value is never shown. */
export const secretKeywords: ReadonlySet<string> = new Set([
  'password',
  'sslpassword',
  'oauth_client_secret',
  'scram_client_key',
  'scram_server_key',
])

/**
 * Query parameters of DATABASE_URL that only an application's driver or framework reads, and that libpq would refuse:
 * those of Prisma, Doctrine, Rails and node-postgres.
 */
export const parametersOfDrivers: ReadonlySet<string> = new Set([
  'schema',
  'pgbouncer',
  'connection_limit',
  'pool_timeout',
  'socket_timeout',
  'statement_cache_size',
  'sslaccept',
  'sslidentity',
  'serverVersion',
  'charset',
  'pool',
  'prepared_statements',
  'uselibpqcompat',
])
