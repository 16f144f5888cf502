import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import type { Client } from 'pg'
import { expect, test } from 'vitest'
import { authenticationFiles, includedNames } from '../../../test/authentication-files.ts'
import type { AuthenticationFiles } from '../../../test/authentication-files.ts'
import { isInSlice } from '../../../test/contract/examples.ts'
import { majors } from '../../../test/postgres.ts'
import type { Major } from '../../../test/postgres.ts'
import { cacheFolder } from '../../config/cache-folder.ts'
import { secretOptions } from '../../findings/authentication.ts'
import type { AuthenticationRecord } from '../../findings/authentication.ts'
import { formatAddress } from '../../findings/network.ts'
import type { TextPlace } from '../../findings/text-place.ts'
import { acquireShadow } from '../../postgres/shadow/acquire.ts'
import { readAuthenticationFile } from '../authentication-file.ts'

const count = 500
const seed = 20_250_810

/** What a line says, or why it is refused. */
interface Rule {
  file: string
  line: number
  error?: string
  says?: Record<string, unknown>
}

/** A row of pg_hba_file_rules. */
interface ViewRow {
  file_name: string
  line_number: number
  type: string | null
  database: string[]
  user_name: string[]
  address: string | null
  netmask: string | null
  auth_method: string
  options: string[] | null
  error: string | null
}

async function ofServer(client: Client, folder: string): Promise<Rule[]> {
  const { rows } = await client.query<ViewRow>('SELECT * FROM pg_catalog.pg_hba_file_rules')
  const own = (text: string) => text.replaceAll(`${folder}/`, '')
  return rows.map((row) => {
    const place = { file: own(row.file_name), line: row.line_number }
    // Of a line that cannot match now, because TLS is off, both are there.
    if (row.type === null) return { ...place, error: own(row.error ?? '') }
    const { type, database, user_name: users, address: from, netmask, auth_method: how } = row
    const options = (row.options ?? []).map(withoutSecret).sort()
    return { ...place, says: { type, databases: database, users, address: from, netmask, method: how, options } }
  })
}

function ofFile(folder: string, major: Major): { rules: Rule[]; unread: string[] } {
  const { records, faults, unread } = readAuthenticationFile(folder, 'pg_hba.conf', new Map(), major)
  const rules = [
    ...records.map((one) => ({
      ...placeOf(one.at as TextPlace),
      says: {
        type: one.type,
        databases: one.databases.map(({ text }) => text),
        users: one.users.map(({ text }) => text),
        ...addressOf(one),
        method: one.method,
        options: optionsOf(one),
      },
    })),
    ...faults.map(({ at, message }) => ({ ...placeOf(at as TextPlace), error: message })),
  ]
  return { rules, unread: unread.map(({ at }) => placeKey(placeOf(at as TextPlace))) }
}

/** The number of the line that a place begins in; lines that go on count as the first of them. */
function placeOf({ file: path, text, span }: TextPlace): { file: string; line: number } {
  const lines = text.slice(0, span.start).split('\n')
  while (/\\\r*$/.test(lines.at(-2) ?? '')) lines.pop()
  return { file: path, line: lines.length }
}

function addressOf(one: AuthenticationRecord): { address: string | null; netmask: string | null } {
  if (one.type === 'local') return { address: null, netmask: null }
  const { address: from } = one
  if (from.kind === 'network') {
    return { address: formatAddress(from.network.address), netmask: formatAddress(from.network.mask) }
  }
  return { address: from.kind === 'name' ? from.name : from.kind, netmask: null }
}

/** As the view shows them: the last of a name, what the method implies, and none that are switches it leaves out. */
function optionsOf({ method: how, options }: AuthenticationRecord): string[] {
  const values = new Map(options.map(({ name: key, value }) => [key, value]))
  if (how === 'cert') values.set('clientcert', 'verify-full')
  values.delete('clientname')
  return [...values].map(([key, value]) => withoutSecret(`${key}=${value}`)).sort()
}

function withoutSecret(text: string): string {
  const [key = ''] = text.split('=')
  return secretOptions.has(key) ? `${key}=********` : text
}

const noEntries = ['configuration file "pg_hba.conf" contains no entries']

/** What the server says because of how it was built or set, or of what its account may read. */
function isOfTheBuild(error: string): boolean {
  return /not supported by this build|oauth_validator_libraries|Permission denied/.test(error)
}

/** The same but for words that are not kei's to know. */
function comparable(rule: Rule): Rule {
  if (rule.error === undefined) return rule
  const error = rule.error
    .replace(/(invalid regular expression "[^]*"): .*/, '$1')
    .replace(/((?:not in name=value format|unrecognized authentication option name): )[^]*/, '$1')
    // Said of the line's type, when what follows is refused without a word.
    .replace('hostssl record cannot match because SSL is disabled', '')
  return { ...rule, error }
}

/** Both without the lines that are left out, records and refused lines each in the server's order. */
function split(rules: readonly Rule[], left: ReadonlySet<string>): { records: Rule[]; faults: Rule[] } {
  const told = rules.filter((rule) => !left.has(placeKey(rule))).map(comparable)
  return {
    records: told.filter(({ error }) => error === undefined),
    faults: told.filter(({ error }) => error !== undefined),
  }
}

function placeKey({ file: path, line: number }: Pick<Rule, 'file' | 'line'>): string {
  return `${path}:${number}`
}

function writeAuthentication(folder: string, files: AuthenticationFiles): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

test.each(majors)('what kei reads in generated files is what pg_hba_file_rules of %i says', async (major) => {
  const shadow = await acquireShadow({ major, project: 'the tests of kei: pg_hba.conf', cacheFolder: cacheFolder() })
  const client = await shadow.connect({ database: 'postgres' })
  // Another run of the tests shares the server and its file.
  await client.query("SELECT pg_advisory_lock(hashtext('pg_hba.conf'))")
  const { rows } = await client.query<{ hba_file: string }>('SHOW hba_file')
  const path = rows[0]?.hba_file ?? ''
  const folder = dirname(path)
  const before = readFileSync(path)
  const seen = { files: 0, records: 0, faults: 0, left: 0 }
  try {
    for (const [index, files] of fc.sample(authenticationFiles, { numRuns: count, seed }).entries()) {
      if (major !== 17 && !isInSlice(`pg_hba.conf ${index}`)) continue
      // Nothing reloads it: the server keeps the rules that it was started with.
      writeAuthentication(folder, files)
      const told = await ofServer(client, folder)
      const { rules, unread } = ofFile(folder, major)
      // What lies outside of the folder is not kei's to know either.
      const left = new Set([...told.filter(({ error }) => isOfTheBuild(error ?? '')).map(placeKey), ...unread])
      const theirs = split(told, left)
      const ours = split(rules, left)
      // Some options the server refuses without a word.
      for (const [at, fault] of ours.faults.entries()) if (theirs.faults[at]?.error === '') fault.error = ''
      if (told.length === 0) expect(ours.faults.map(({ error }) => error)).toEqual(noEntries)
      else expect(ours, JSON.stringify(files, null, 1)).toEqual(theirs)
      seen.files++
      seen.records += theirs.records.length
      seen.faults += theirs.faults.length
      seen.left += left.size
    }
  } finally {
    writeFileSync(path, before)
    for (const name of includedNames) rmSync(join(folder, name), { recursive: true, force: true })
    await client.end()
    await shadow.release()
  }
  // Most of what is compared is neither empty nor refused.
  expect(seen.records + seen.faults).toBeGreaterThan(2 * seen.files)
  expect(seen.records).toBeGreaterThan(seen.files)
  expect(seen.left).toBeLessThan(seen.files / 5)
})
