import { readSource } from '../project/files.ts'
import { isEnvironmentFile } from '../sql/passwords/environment-file.ts'
import { findPasswords } from '../sql/passwords/find.ts'

/** A larger file is not looked through: 1 MiB. */
const maxBytes = 1024 * 1024

const skippedFolder =
  /(?:^|\/)(?:node_modules|bower_components|vendor|third_party|venv|\.venv|__pycache__|testdata|fixtures|__fixtures__|__snapshots__|\.git|\.yarn|\.terraform)\//
const skippedFile = new RegExp(
  `\\.(?:${[
    ...[
      'png',
      'jpe?g',
      'gif',
      'webp',
      'avif',
      'ico',
      'icns',
      'svg',
      'bmp',
      'tiff?',
      'psd',
      'pdf',
      'mp[34]',
      'mov',
      'webm',
      'wav',
    ],
    ...[
      'woff2?',
      'ttf',
      'otf',
      'eot',
      'zip',
      'gz',
      'tgz',
      'bz2',
      'xz',
      'zst',
      '7z',
      'rar',
      'tar',
      'jar',
      'war',
      'class',
      'wasm',
    ],
    ...[
      'so',
      'dylib',
      'dll',
      'exe',
      'o',
      'a',
      'bin',
      'dat',
      'db',
      'sqlite3?',
      'parquet',
      'csv',
      'tsv',
      'dump',
      'pyc',
      'lock',
      'sum',
    ],
    ...[
      'map',
      'min\\.js',
      'min\\.css',
      'css',
      'scss',
      'less',
      'snap',
      'po',
      'pot',
      'enc',
      'gpg',
      'age',
      'asc',
      'pem',
      'crt',
    ],
  ].join('|')})$|(?:^|/)(?:package-lock\\.json|pnpm-lock\\.yaml|npm-shrinkwrap\\.json|go\\.sum)$`,
  'i',
)
/** What pg_hba.conf and its like hold is judged by rules of their own. */
const judgedElsewhere = /(?:^|\/)pg_(?:hba|ident)[^/]*\.conf$/i

/** Whether a password of a connection may stand in a file of this name; what is installed, built or no text is not read. */
export function mayHoldPassword(path: string): boolean {
  return !skippedFile.test(path) && !skippedFolder.test(path) && !judgedElsewhere.test(path)
}

/** A text in which `findPasswords` finds something has one of these. */
const traces = [
  ...[
    'pass',
    'PASS',
    'Pass',
    'pwd',
    'PWD',
    'Pwd',
    'postgres',
    'Postgres',
    'pgsql',
    'psql://',
    'pg://',
    'postgis://',
    'ecto://',
  ],
  ...['timescale', 'cockroach', 'alloydb', 'yugabyte', 'greenplum'],
].map((trace) => Buffer.from(trace))
const startOfBinary = 8000

/** The text of a file in which passwords of connections stand; undefined of any other, which is most of them. */
export function readPasswordFile(root: string, path: string): string | undefined {
  const isWanted = (bytes: Buffer) =>
    bytes.length <= maxBytes && !bytes.subarray(0, startOfBinary).includes(0) && mayNamePassword(path, bytes)
  const reading = readSource(root, path, { maxBytes, isRegular: true, isWanted })
  return reading.kind === 'text' && namesPassword(path, reading.file.text) ? reading.file.text : undefined
}

/** How a report of `kei check` begins, and a SARIF log of any tool: they quote what they found elsewhere. */
const report =
  /^(?:\s*\{\s*"(?:version": 1,\s*"kei|\$schema": "[^"]*sarif)|<\?xml[^>]*>\s*<testsuites name="kei check"|### kei check: )/

/** Whether a text has a password to be judged. */
export function namesPassword(path: string, text: string): boolean {
  if (report.test(text)) return false
  const all = isEnvironmentFile(path)
  return findPasswords(path, text).some(({ of }) => all || of === 'postgres')
}

function mayNamePassword(path: string, bytes: Buffer): boolean {
  return /userlist|pgpass/i.test(path) || traces.some((trace) => bytes.includes(trace))
}
