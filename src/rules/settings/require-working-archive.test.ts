import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import type { ServerSettings } from '../../findings/server-settings.ts'
import rule from './require-working-archive.ts'

/** What is said of an archive_command, archiving being on. */
function messages(command: string): string[] {
  const at = { kind: 'setting', name: 'archive_command' } as const
  const settings: ServerSettings = {
    from: 'file',
    settings: new Map([
      ['archive_mode', { name: 'archive_mode', value: 'on', at }],
      ['archive_command', { name: 'archive_command', value: command, at }],
    ]),
    overridden: [],
    faults: [],
    unread: [],
    ownValues: new Set(),
  }
  const verdicts = [...rule.check(settings, { major: 17, today: '2026-11-23', options: {} })]
  return verdicts.flatMap((verdict) => (verdict.kind === 'finding' ? [verdict.message] : []))
}

/** Whether the shell calls it a success although the segment does not exist. */
function succeedsWithoutSegment(command: string): boolean {
  const run = command.replaceAll('%p', '/nowhere/segment').replaceAll('%f', 'segment')
  return spawnSync('/bin/sh', ['-c', run], { stdio: 'ignore' }).status === 0
}

test.each([
  '/bin/true',
  'true',
  ' : ',
  'exit 0',
  'cd .',
  'echo %p',
  "sh -c 'true'",
  'cp %p /nowhere/archive/%f || true',
  'cp %p /nowhere/archive/%f || :',
  'cp %p /nowhere/archive/%f; exit 0',
  'cp %p /nowhere/archive/%f ; /bin/true',
  'cp %p /nowhere/archive/%f &',
])('%s succeeds without a segment, for the shell and for kei', (command) => {
  expect(succeedsWithoutSegment(command)).toBe(true)
  expect(messages(command)).toHaveLength(1)
})

test.each([
  'cp %p /nowhere/archive/%f',
  'test ! -f /nowhere/%f && cp %p /nowhere/%f',
  'true && cp %p /nowhere/%f',
  'cp %p /nowhere/%f || exit 1',
  'cp %p /nowhere/%f && true',
  'cp "%p" /nowhere/trueness',
])('%s fails without a segment, for the shell and for kei', (command) => {
  expect(succeedsWithoutSegment(command)).toBe(false)
  expect(messages(command)).toEqual([])
})
