import fc from 'fast-check'

/** One pg_hba.conf with what it includes, by path. */
export type AuthenticationFiles = Record<string, string>

const some = <T>(...values: T[]) => fc.constantFrom(...values)
const often = <T>(usual: fc.Arbitrary<T>, other: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: other })

/** Which escapes PostgreSQL's regular expressions have only a server can tell. */
const withoutEscape = (text: string) => (text.includes('/') ? text.replaceAll('\\', '') : text)

const quoted = fc
  .string({ unit: some(...'ab c,#"@+/=\\\té'), maxLength: 8 })
  .map((text) => `"${withoutEscape(text).replaceAll('"', '""')}"`)
/** Whatever the tokens' edges can meet, quotes that are never closed among it. */
const wild = fc.string({ unit: some(...'a1.:/,"#@+=\\ \té'), minLength: 1, maxLength: 8 }).map(withoutEscape)
const name = often(
  some('all', 'shop', 'app', 'sameuser', 'samerole', 'samegroup', 'replication', '+staff', 'postgres', '"all"'),
  fc.oneof(
    quoted,
    wild,
    some('@names', '@"names"', '@missing', '@empty', '@', '"@names"', '@loop', '@broken', 'a"b c"d', '""', '"a""b"'),
    some(
      '/^a',
      '/a|b',
      '/(',
      '/a[0-9]+$',
      '/*',
      '/a**',
      '/)',
      '/a{2',
      '"/x y"',
      '/^\\\\d+$',
      '/[b-a]',
      '/(a',
      '"/a\\"',
      '/a{256}',
    ),
  ),
)
const separator = often(some(' ', '\t', '  ', '\t '), some(' \\\n', '\\\n ', ' \\\n\\\n\t', ', ', ' ,'))
const names = fc
  .array(name, { minLength: 1, maxLength: 3 })
  .chain((list) => some(',', ', ', ',,', ',\\\n').map((comma) => list.join(comma)))
const address = often(
  some(
    '127.0.0.1/32',
    '::1/128',
    '0.0.0.0/0',
    '::/0',
    'all',
    'samehost',
    'samenet',
    '10.0.0.0/8',
    '10.0.0.0 255.0.0.0',
  ),
  fc.oneof(
    some(
      'db.example.com',
      '.example.com',
      'db.example.com/8',
      '10.0.0.0/33',
      '10.0.0.0',
      '10.1/16',
      '0x7f.1/8',
      '"all"',
    ),
    some(
      '::ffff:10.0.0.1/128',
      '::10.0.0.1/104',
      'fe80::1%1/64',
      '2001:db8::/129',
      '1:2:3:4:5:6:7::/16',
      '010.0.0.1/8',
    ),
    some('::1 ffff::', '10.0.0.0 ffff::', '10.0.0.0 x', '10.0.0.0 255.0.255.0', '1.2.3.4/-1', '1.2.3.4/', '1.2.3.4/+8'),
    some(
      '"10.0.0.0/ 8"',
      '08.1.1.1/8',
      '4294967295/8',
      '4294967296/8',
      '1.2.3.4.5/8',
      '256.1.1.1/8',
      '""',
      '/8',
      ':: ::',
    ),
    fc.ipV4().map((text) => `${text}/24`),
    fc.ipV6().map((text) => `${text}/57`),
    wild,
    fc.tuple(some('all', '10.0.0.0/8'), name).map((pair) => pair.join(',')),
  ),
)
const method = often(
  some('trust', 'reject', 'scram-sha-256', 'md5', 'password', 'ident', 'radius'),
  some('peer', 'gss', 'sspi', 'ldap', 'cert', 'pam', 'bsd', 'oauth', 'scram', 'Trust', 'trust,md5', '"trust"', 'krb5'),
)
const option = fc.oneof(
  some(
    'map=staff',
    'map=',
    'clientcert=verify-full',
    'clientcert=verify-ca',
    'clientcert=1',
    'clientname=DN',
    'clientname=x',
  ),
  some('radiusservers=127.0.0.1', 'radiusservers="127.0.0.1,127.0.0.2"', 'radiussecrets=s', 'radiussecrets="s,t"'),
  some(
    'radiusports=1812',
    'radiusports=x',
    'radiusidentifiers="a,b"',
    'radiusservers=""',
    'radiussecrets=""""',
    'radiussecrets=a,b',
  ),
  some(
    '"radiusservers=127.0.0.1, 127.0.0.1"',
    '"radiussecrets=""s 1"",""s 2"""',
    'radiusservers=127.0.0.1,',
    'radiusports="1,2"',
  ),
  some(
    'ldapserver=h',
    'ldapport=0',
    'pamservice=x',
    'include_realm=0',
    'krb_realm=R',
    'compat_realm=1',
    'upn_username=1',
  ),
  some(
    'issuer=i',
    'scope="a b"',
    'validator=v',
    'delegate_ident_mapping=1',
    'unknown=1',
    'trust',
    '=',
    'map',
    '"map=a b"',
  ),
)
const radius = some(' radiusservers=127.0.0.1 radiussecrets=s', ' radiussecrets=s', ' radiusservers=127.0.0.1', '')
const end = often(some('', '', ' ', '\r', '  # note', '\t#a \\'), some('\\', '\\\n', ' "', ' # \\\n goes on', '#'))

const record = fc
  .tuple(
    often(
      some('local', 'host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc'),
      some('hosts', '"host"', 'host,local'),
    ),
    fc.tuple(names, names, address, method, radius),
    fc.array(option, { maxLength: 3 }),
    separator,
    end,
    fc.oneof({ weight: 12, arbitrary: some(9) }, { weight: 1, arbitrary: fc.nat(5) }),
  )
  .map(([type, [databases, users, from, how, servers], options, blank, rest, length]) => {
    const addresses = type === 'local' ? [] : [from]
    const methods = how === 'radius' ? `radius${servers}` : how
    // Most options fit few methods, so most lines have none.
    const own = options.length === 1 ? options : []
    return `${[type, databases, users, ...addresses, methods, ...own].slice(0, length).join(blank)}${rest}`
  })
const inclusion = some(
  'include more.conf',
  'include "more.conf" # note',
  'include missing.conf',
  'include_if_exists missing.conf',
  'include_if_exists more.conf',
  'include_dir parts',
  'include_dir ./nowhere',
  'include_dir ""',
  'include loop.conf',
  'include more.conf again',
  'include sub/../sub/inner.conf',
  'include',
  'include parts',
)
const line = fc.oneof(
  { weight: 14, arbitrary: record },
  { weight: 3, arbitrary: inclusion },
  { weight: 3, arbitrary: some('', '# TYPE DATABASE', '   ', '\t# \\', ' ,', '"') },
  { weight: 1, arbitrary: wild },
)
const file = fc
  .tuple(fc.array(line, { minLength: 1, maxLength: 6 }), some('\n', '\r\n', ''), some(true, false))
  .map(([lines, last, unix]) => {
    const text = `${lines.join('\n')}${last}`
    return unix ? text : text.replaceAll(/\r?\n/g, '\r\n')
  })
/** Files with lines that the server takes and lines that it refuses; quotes, commas, continuations, includes. */
export const authenticationFiles: fc.Arbitrary<AuthenticationFiles> = fc.record({
  'pg_hba.conf': file,
  'more.conf': file.map((text) => text.replaceAll('more.conf', 'sub/inner.conf')),
  'sub/inner.conf': record.map((text) => `local @list all trust\n${text}\n`),
  'sub/list': names,
  names: fc.array(names, { maxLength: 2 }).map((lists) => lists.join('\n')),
  'parts/b.conf': record,
  'parts/a.conf': record,
  'parts/.hidden.conf': some('local all all trust'),
  'parts/.conf': some('local all all trust'),
  'parts/c.txt': some('local all all trust'),
  'parts/folder.conf/x': some(''),
  empty: some('# nobody\n'),
  loop: some('@loop'),
  broken: some('a,@missing b'),
  'loop.conf': some('include loop.conf\n', 'local all all reject\ninclude loop.conf'),
})

/** What lies beside pg_hba.conf. */
export const includedNames = ['more.conf', 'sub', 'names', 'parts', 'empty', 'loop', 'broken', 'loop.conf']
