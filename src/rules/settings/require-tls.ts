import { defineRule } from '../rule.ts'
import { effective } from './effective-setting.ts'
import { settingVerdict } from './setting-verdict.ts'

export default defineRule({
  id: 'require-tls',
  since: '0.1.0',
  severity: 'warning',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'The server listens on the network without TLS',
  why:
    'Everything between client and server can be read and changed on the way: rows, and with any method but SCRAM the ' +
    'password too. With the default sslmode of most drivers nobody notices, because they go on without TLS.',
  instead:
    'ssl = on with ssl_cert_file and ssl_key_file, hostssl instead of host in pg_hba.conf, and sslmode=verify-full in ' +
    "the clients. A server that only its own machine uses: listen_addresses = 'localhost'.",
  examples: [
    {
      title: 'Open to the network, TLS off',
      bad: "listen_addresses = '*'\nssl = off",
      at: 'ssl = off',
      good: "listen_addresses = '*'\nssl = on",
    },
    {
      title: 'TLS is off by default',
      bad: "listen_addresses = 'localhost, 10.0.0.7'",
      at: "listen_addresses = 'localhost, 10.0.0.7'",
      good: "listen_addresses = 'localhost, ::1'",
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/ssl-tcp.html',
    'https://www.postgresql.org/docs/17/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS',
  ],
  options: {},
  claims: [],
  *check(settings, { major }) {
    const addresses = effective(settings, 'listen_addresses', major)
    const tls = effective(settings, 'ssl', major)
    if (tls.value !== false || typeof addresses.value !== 'string' || isLocal(addresses.value)) return
    const setting = tls.setting ?? addresses.setting
    if (setting === undefined) return
    yield settingVerdict(settings, setting, {
      message: `ssl is off, and the server listens on ${addresses.value === '*' ? 'all addresses' : addresses.value}`,
      next: 'Set ssl = on with ssl_cert_file and ssl_key_file, then write hostssl for host in pg_hba.conf.',
      with: [setting === tls.setting ? addresses.setting : undefined],
    })
  },
})

/** Whether only the machine itself can reach all of the addresses. */
function isLocal(addresses: string): boolean {
  const isOwn = (address: string) => address === '' || /^(?:localhost|127\.[\d.]+|::1)$/i.test(address)
  return addresses.split(',').every((each) => isOwn(each.trim().replace(/^"(.*)"$/, '$1')))
}
