import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Session } from '../../postgres/connect/connect.ts'
import { confirmTarget } from './confirm.ts'
import type { Input } from './confirm.ts'

const session = {
  server: {
    version: '17.10',
    major: 17,
    address: '10.0.0.1',
    port: 5432,
    database: 'shop',
    user: 'app',
    role: 'primary',
    readOnly: false,
    systemIdentifier: '7000',
  },
  candidate: { host: 'db.example.com', port: 6432 },
  encrypted: true,
} as Session

interface Asked {
  production?: boolean
  yes?: boolean
  interactive?: boolean
  isTTY?: boolean
  /** What is typed; null for the end of the input; undefined for nothing yet. */
  answer?: string | null
  signal?: AbortSignal
}

async function ask({ production = true, yes = false, interactive = true, isTTY = true, answer, signal }: Asked) {
  let shown = ''
  const err = { write: (text: string) => void (shown += text), colour: false, interactive, width: 100 }
  const stream = new PassThrough()
  const input: Input = Object.assign(stream, { isTTY })
  if (answer === null) stream.end()
  else if (answer !== undefined) stream.write(answer)
  const asked = confirmTarget(
    { target: { name: 'prod', production }, session, yes },
    err,
    signal ?? new AbortController().signal,
    input,
  )
  const error = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return { error, shown }
}

describe('confirmTarget', () => {
  it('shows which server it is and takes the name of the target', async () => {
    for (const answer of ['prod\n', '  prod \r\n']) {
      const { error, shown } = await ask({ answer })
      expect(error).toBeUndefined()
      expect(shown).toBe(
        [
          'Target prod is marked production.',
          'PostgreSQL 17.10, primary',
          '  server             db.example.com:6432 (10.0.0.1:5432)',
          '  database           shop',
          '  user               app',
          '  encryption         TLS',
          '  system identifier  7000',
          'Type the name of the target to write to it: ',
        ].join('\n'),
      )
    }
  })

  it.each(['y\n', 'yes\n', 'Prod\n', '\n', 'staging\nprod\n'])('takes no other answer: %j', async (answer) => {
    expect((await ask({ answer })).error).toMatchObject({ code: 'not-confirmed', exitCode: 4 })
  })

  it('takes the end of the input for no', async () => {
    expect((await ask({ answer: null })).error).toMatchObject({
      code: 'not-confirmed',
      message: 'No answer was given.',
      exitCode: 4,
    })
  })

  it('asks nothing with --yes, and still shows which server it is', async () => {
    for (const isTTY of [true, false]) {
      const { error, shown } = await ask({ yes: true, isTTY, interactive: isTTY })
      expect(error).toBeUndefined()
      expect(shown).toContain('database           shop\n')
      expect(shown).not.toContain('Type the name')
    }
  })

  it.each([{ isTTY: false }, { interactive: false }])('refuses where nobody can be asked: %j', async (where) => {
    const { error, shown } = await ask({ ...where, answer: 'prod\n' })
    expect(error).toMatchObject({ code: 'confirmation-needed', exitCode: 2, hint: 'Pass --yes to write to it.' })
    expect(shown).toContain('Target prod is marked production.')
  })

  it('lets any other target pass in silence', async () => {
    expect(await ask({ production: false, isTTY: false })).toEqual({ error: undefined, shown: '' })
  })

  it('ends when the user interrupts, before and while it asks', async () => {
    expect((await ask({ signal: AbortSignal.abort() })).error).toMatchObject({ exitCode: 130 })
    const interruption = new AbortController()
    setTimeout(() => interruption.abort(), 20)
    expect((await ask({ signal: interruption.signal })).error).toMatchObject({ code: 'interrupted', exitCode: 130 })
  })
})

describe('on a terminal', () => {
  const script = '/usr/bin/script'
  const program = fileURLToPath(new URL('./confirm.ts', import.meta.url))
  const built = program.replace('/src/', '/dist/').replace(/\.ts$/, '.js')
  const code = `
    const { confirmTarget } = await import(${JSON.stringify(built)})
    const err = { write: (text) => process.stderr.write(text), interactive: process.stderr.isTTY }
    const interruption = new AbortController()
    process.once('SIGINT', () => interruption.abort())
    const target = { name: 'prod', production: true }
    await confirmTarget({ target, session: ${JSON.stringify(session)}, yes: false }, err, interruption.signal)
      .then(() => console.log('confirmed'), ({ code }) => console.log('refused: ' + code))`

  /** Runs it on a pseudo terminal, types `keys` once it asks, and waits until the process ends by itself. */
  async function typed(keys: string): Promise<string> {
    const command = `'${process.execPath}' --input-type=module -e "$KEI_TEST_CODE"`
    const child = spawn(script, ['-qec', command, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm', KEI_TEST_CODE: code },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => {
      const asked = out.includes('write to it: ')
      out += chunk.toString()
      if (!asked && out.includes('write to it: ')) child.stdin.write(keys)
    })
    await new Promise((resolve) => child.on('close', resolve))
    return out
  }

  it.for([
    ['the name', 'prod\r', 'confirmed'],
    ['a name that was corrected', 'proX\x7fd\r', 'confirmed'],
    ['another name', 'staging\r', 'refused: not-confirmed'],
    ['the end of the input', '\x04', 'refused: not-confirmed'],
    ['an interrupt', '\x03', 'refused: interrupted'],
  ] as const)('takes %s', async ([, keys, end], context) => {
    if (!existsSync(script) || process.platform !== 'linux') return context.skip('no script of util-linux')
    expect(await typed(keys)).toContain(end)
  })
})
