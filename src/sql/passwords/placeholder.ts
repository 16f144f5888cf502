/**
 * What a password looks like: `absent` is put in by something else (`${DB_PASSWORD}`), `placeholder` is one of the words
 * that everybody writes there, `real` may open a door.
 */
export type PasswordLooks = 'absent' | 'placeholder' | 'real'

/**
 * Where a host is: `local` on the reader's own machine, `example` nowhere (RFC 2606 or a word like `your-host`),
 * `service` a single name of a compose file or cluster, `remote` a full name or address.
 */
export type HostLooks = 'local' | 'example' | 'service' | 'remote' | 'unknown'

/** Put in when the text is used: shell, compose, templates, format strings, references to a vault, encrypted values. */
const references: readonly RegExp[] = [
  /[$#%@]\{|\$\(|\{\{|<%|\$\[|@@|%\(\w+\)s|\\\(/,
  /^\$\w+$|^%\w+%$|^%[a-z]$|^:[a-z_]+$|^\?+$|^\$\d+$/i,
  /^\{[\w.'"[\]()!:-]*\}$/,
  /^<[^>]*>$|^\[[^\]]*\]$|^\(.*\)$|^__\w+__$/,
  /^!|^ENC[[(]|^(?:vault|secret|secrets|ssm|op|env|file|awssm|gcpsm|keyvault|doppler|ref\+\w+|sops|bao)[:+]\S/,
  /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/,
  /^[a-z][a-z_.]*\(/i,
  /^arn:aws:|^\/(?:run|etc|var|opt|mnt)\/|^@Microsoft\.KeyVault\(|^projects\/.*\/secrets\//,
  /^(?:process\.env|os\.(?:environ|getenv)|env|var|local|data|module|secrets?|vault|config|settings|params?|self|this)[.[(]/,
  /^(?:\*+|\.+|…+|_+|-+|#+|•+|x+|y+|z+)$/i,
]

/** Words of which placeholders are made, alone and joined; lower case, letters only. */
const words = new Set(
  (
    'password passwords passwd passwort passphrase pass pwd pw pswd secret secrets secure change changed changeme changeit me it this a ' +
    'that these the an your you my mine our own here please insert enter type put set replace replaced with value values ' +
    'string text placeholder example examples sample demo dummy fake mock stub foo foobar bar baz qux test tests testing ' +
    'tester todo fixme tbd xxx xyz abc abcd none null nil undefined true false empty blank redacted hidden masked removed ' +
    'sanitized censored omitted postgres postgresql postgre pg pgsql psql db database databases user username users admin ' +
    'administrator root guest dev devel develop developer development local localhost docker compose container default ' +
    'defaults not real actual super strong strongest stronger long random very some any something somepass whatever goes ' +
    'for in of to and is be must should generated generate auto fill in new old temp tmp temporary only unsafe insecure ' +
    'unused ignored invalid wrong bad incorrect correct horse battery staple qwerty asd asdf qwe zxc letmein welcome hunter login key token keep do use never ' +
    'commit ci app application myapp dbpass provided supply required req hello world open sesame trust no yes on off from ' +
    'env environment environ variable var file vault one two three ' +
    'first second or other wordpress keyword keywordless plain plaintext cleartext clear literal sensitive shared common simple easy ' +
    'weak hard hardcoded strongpassword rotate rotated prod production staging stage qa build runner rep repl replica replicas replicate replication replicator rewind patroni ' +
    'repmgr barman pgbouncer pooler standby primary superuser bitnami monitor backup metrics exporter service reader writer ro rw'
  ).split(' '),
)
const longestWord = 16

/** What is longer is encrypted, a token or a key. */
const longestPassword = 128

/** Digits and signs that stand for letters. */
const letters: Readonly<Record<string, string>> = {
  '@': 'a',
  '4': 'a',
  '3': 'e',
  '1': 'i',
  '!': 'i',
  '0': 'o',
  '5': 's',
  $: 's',
  '7': 't',
}

/**
 * @param known what the password may repeat without being one: the user, the database.
 */
export function passwordLooks(value: string, known: readonly (string | undefined)[] = []): PasswordLooks {
  const text = value.trim()
  if (text === '' || references.some((reference) => reference.test(text))) return 'absent'
  if (text.length > longestPassword) return 'absent'
  if (text.length < 4 || /\s.*\s/.test(text) || /^(.)\1*$/.test(text)) return 'placeholder'
  if (/^\d{1,9}0?$/.test(text) || known.includes(text)) return 'placeholder'
  return isMadeOfWords(text) ? 'placeholder' : 'real'
}

function isMadeOfWords(text: string): boolean {
  const plain = text.toLowerCase()
  // A few digits are for the form's sake; many are not.
  if (plain.replace(/\D+/g, '').length > 6) return false
  const head = plain.replace(/[^a-z]+$/, '')
  const spelt = head.replace(/[@4310!5$7]/g, (sign) => letters[sign] ?? sign)
  return [head, spelt].some((each) => canBeSplit(each.replace(/[^a-z]+/g, '')))
}

/** Whether it is a run of `words`. */
function canBeSplit(text: string): boolean {
  if (text.length > 64) return false
  const reachable = [true]
  for (let end = 1; end <= text.length; end++) {
    reachable[end] = false
    for (let start = Math.max(0, end - longestWord); start < end && reachable[end] !== true; start++) {
      reachable[end] = reachable[start] === true && words.has(text.slice(start, end))
    }
  }
  return text !== '' && reachable[text.length] === true
}

const exampleWord =
  /^(?:your?|my|some|the)?-?_?(?:db|database|postgres|pg|rds)?-?_?(?:host|hostname|server|servername|domain|endpoint|address|url|instance|cluster|project|x{2,}|y{2,}|name|host-?name|ip|fqdn)$|^(?:your|my)[-_]?\w*$|^x{3,}$|example/i

export function hostLooks(host: string | undefined): HostLooks {
  if (host === undefined) return 'unknown'
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .replace(/^([^:]*):\d+$/, '$1')
  if (name === '' || name.startsWith('/') || name.startsWith('%2f')) return 'local'
  if (/[${}<>()%\s[\]*]/.test(name)) return 'unknown'
  if (
    /^(?:127\.[\d.]+|0\.0\.0\.0|::1|(?:.*\.)?localhost|localhost\..*|host\.docker\.internal|.*\.(?:test|invalid))$/.test(
      name,
    )
  )
    return 'local'
  const labels = name.split('.')
  if (name.includes(':') || /^\d+(?:\.\d+)+$/.test(name)) return isDocumentationAddress(name) ? 'example' : 'remote'
  // One letter, or a word that says what should stand there.
  if (name.length === 1 || labels.some((label) => /^x+$/.test(label))) return 'example'
  const own = labels.length === 1 ? labels : labels.slice(0, -1)
  if (own.every((label) => exampleWord.test(label)) || labels.some((label) => /^examples?$/.test(label)))
    return 'example'
  return labels.length === 1 ? 'service' : 'remote'
}

/** Source: RFC 5737 and RFC 3849. */
function isDocumentationAddress(address: string): boolean {
  return /^(?:192\.0\.2|198\.51\.100|203\.0\.113)\.|^2001:0?db8:|^(?:1\.2\.3\.4|x\.x\.x\.x)$/.test(address)
}
