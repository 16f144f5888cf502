import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { folderWith } from '../../test/repository.ts'
import { checkProject } from '../check/check.ts'
import { makeFixes } from './fixes.ts'
import type { Output } from './terminal/terminal.ts'

const file = 'migrations/0002_indexes.sql'
const files = {
  'migrations/0001_t.sql':
    'CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text, b text, c text);\n',
  [file]: 'CREATE INDEX t_a ON t (a);\nCREATE INDEX t_b ON t (b);\nCREATE INDEX t_c ON t (c);\n',
}

/** Answers --fix=review line by line; the file afterwards and what was shown. */
async function review(...answers: string[]) {
  const root = folderWith(files)
  const result = await checkProject({ path: root, workingDirectory: root, trace: false, all: false })
  const findings = result.report.findings.filter(({ rule }) => rule === 'require-concurrent-index')
  let shown = ''
  const output: Output = { write: (text) => (shown += text), colour: false, interactive: true, width: 100 }
  const input = Object.assign(new PassThrough(), { isTTY: true })
  const made = makeFixes(
    findings,
    result,
    { allowed: 'review', yes: false, dryRun: false },
    { terminal: { out: output, err: output }, signal: new AbortController().signal },
    input,
  )
  for (const answer of answers) {
    // As at a terminal: a line comes after its question.
    const asked = shown.split('Make this change').length
    await expect
      .poll(() => shown.split('Make this change').length > asked - 1 && input.listenerCount('data') > 0)
      .toBe(true)
    input.write(`${answer}\n`)
    await expect
      .poll(() => input.listenerCount('data') === 0 || shown.split('Make this change').length > asked)
      .toBe(true)
  }
  if (answers.length < 3) input.end()
  const changed = await made
  const names = readFileSync(join(root, file), 'utf8').match(/CONCURRENTLY t_\w/g) ?? []
  return { changed, shown, mended: names.map((name) => name.slice(-1)) }
}

describe('kei check --fix=review', () => {
  it('shows each change and makes those that were agreed to', async () => {
    const { shown, mended, changed } = await review('y', 'n', 'yes')
    expect(mended).toEqual(['a', 'c'])
    expect(changed).toBe(true)
    expect(shown).toContain('Make this change (2 of 3)?')
    expect(shown).toContain('-CREATE INDEX t_b ON t (b);\n+CREATE INDEX CONCURRENTLY t_b ON t (b);')
    expect(shown).toContain('Made 2 of 3 fixes.')
  })

  it('stops asking at all and at quit', async () => {
    expect((await review('n', 'a')).mended).toEqual(['b', 'c'])
    expect((await review('y', 'q')).mended).toEqual(['a'])
    expect(await review('q')).toMatchObject({ mended: [], changed: false })
  })

  it('takes the end of the input for quit', async () => {
    expect((await review('y')).mended).toEqual(['a'])
  })
})
