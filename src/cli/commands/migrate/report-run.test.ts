import { expect, test } from 'vitest'
import type { MigrationEvent } from '../../../migrate/event.ts'
import type { Output } from '../../terminal/terminal.ts'
import { reportRun } from './report-run.ts'

/** What people see of the events, both streams as on a terminal. */
function printed(events: readonly MigrationEvent[]): string[] {
  let text = ''
  const output: Output = {
    write: (part) => void (text += part),
    colour: false,
    interactive: false,
    width: 100,
  }
  const context = {
    terminal: { out: output, err: output },
    workingDirectory: '/',
    signal: new AbortController().signal,
  }
  const { onEvent } = reportRun({}, context)
  for (const event of events) onEvent(event)
  return text.split('\n').slice(0, -1)
}

const direction = 'up'
const begin = (version: string): MigrationEvent => ({
  event: 'migration',
  ...{ version, name: 'x', direction, file: `migrations/${version}_x.sql` },
})
const step = (version: string): MigrationEvent => ({
  event: 'step',
  ...{ version, direction, first: 1, last: 1, milliseconds: 2, locks: [] },
})
const done = (version: string): MigrationEvent => ({ event: 'done', version, name: 'x', direction, milliseconds: 2 })
const retry = (version: string): MigrationEvent => ({
  event: 'retry',
  ...{ version, attempt: 1, sqlstate: '40P01', message: 'deadlock', wait: 4000, blockers: [] },
})

const stepLine = '  statement 1  2 ms'

test('a file is named as it begins, above what is told of it', () => {
  expect(printed([begin('1'), step('1'), step('1'), done('1'), begin('2')])).toEqual([
    'migrations/1_x.sql',
    stepLine,
    stepLine,
    'migrations/2_x.sql',
  ])
})

test('steps that are told late stand under their own file', () => {
  expect(printed([begin('1'), begin('2'), begin('3'), step('1'), done('1'), step('2'), done('2')])).toEqual([
    'migrations/1_x.sql',
    stepLine,
    'migrations/2_x.sql',
    stepLine,
    'migrations/3_x.sql',
  ])
})

test('what cannot wait names its file, and the one before is named again', () => {
  const lines = printed([begin('1'), begin('2'), retry('2'), step('1'), done('1'), step('2')])
  expect(lines.filter((line) => !line.includes('gave up'))).toEqual([
    'migrations/1_x.sql',
    'migrations/2_x.sql',
    'migrations/1_x.sql',
    stepLine,
    'migrations/2_x.sql',
    stepLine,
  ])
})
