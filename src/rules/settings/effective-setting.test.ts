import { expect, test } from 'vitest'
import { folderWith } from '../../../test/repository.ts'
import { readSettingsFiles } from '../../sources/settings/files.ts'
import type { Rule, RuleOptions } from '../rule.ts'
import noMemoryOvercommit from './no-memory-overcommit.ts'
import requireAutovacuum from './require-autovacuum.ts'
import requireIdleTransactionTimeout from './require-idle-transaction-timeout.ts'
import requireTls from './require-tls.ts'

/** What a rule says of a postgresql.conf. */
function judge(
  rule: Pick<Rule<'settings'>, 'check'>,
  text: string,
  options: RuleOptions = { memoryGigabytes: 0 },
): string[] {
  const [settings] = readSettingsFiles(folderWith({ 'postgresql.conf': text }), ['postgresql.conf'], new Map())
  if (settings === undefined) throw new Error('no settings were read')
  const verdicts = [...rule.check(settings, { major: 17, today: '2026-11-23', options })]
  return verdicts.flatMap((verdict) => (verdict.kind === 'finding' ? [verdict.message] : []))
}

test.each(['off', 'OFF', 'of', 'false', 'f', 'no', 'n', '0', "'off'"])('a switch is off when it says %s', (word) => {
  expect(judge(requireAutovacuum, `autovacuum = ${word}\n`)).toHaveLength(1)
})

test('the last line of a name counts', () => {
  expect(judge(requireAutovacuum, 'autovacuum = off\nAutovacuum on\n')).toEqual([])
  expect(judge(requireAutovacuum, 'autovacuum = on\nautovacuum = off # for now\n')).toHaveLength(1)
})

test('a zero is a zero in any unit', () => {
  const name = 'idle_in_transaction_session_timeout'
  for (const zero of ['0', "'0s'", "'0min'", '0ms'])
    expect(judge(requireIdleTransactionTimeout, `${name} = ${zero}\n`)).toHaveLength(1)
  for (const limit of ['1', "'1s'", '5min'])
    expect(judge(requireIdleTransactionTimeout, `${name} = ${limit}\n`)).toEqual([])
  expect(judge(requireIdleTransactionTimeout, 'work_mem = 4MB\n')).toEqual([])
})

test('what is not written has its default only where everything was read', () => {
  const open = "listen_addresses = '*'\n"
  expect(judge(requireTls, open)).toEqual(['ssl is off, and the server listens on all addresses'])
  expect(judge(requireTls, `${open}include '/etc/postgresql/tls.conf'\n`)).toEqual([])
  expect(judge(requireTls, 'ssl = off\n')).toEqual([])
  expect(judge(requireTls, "ssl = off\nlisten_addresses = 'localhost, 127.0.0.1, ::1'\n")).toEqual([])
})

test('memory is compared in bytes, with the machine’s own where it is known', () => {
  const text = "shared_buffers = '4GB'\nwork_mem = 65536\nmax_connections = 250\n"
  expect(judge(noMemoryOvercommit, text)).toEqual([
    '250 connections with one work_mem of 64 MB each and 4 GB of shared_buffers come to 19 GB; the machine has about ' +
      '16 GB by its shared_buffers',
  ])
  expect(judge(noMemoryOvercommit, text, { memoryGigabytes: 32 })).toEqual([])
  expect(judge(noMemoryOvercommit, text, { memoryGigabytes: 18 })).toHaveLength(1)
  // initdb writes 128MB into every file.
  expect(judge(noMemoryOvercommit, 'shared_buffers = 128MB\nwork_mem = 1GB\n')).toEqual([])
})
