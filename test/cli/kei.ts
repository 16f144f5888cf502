import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../bin/kei.js', import.meta.url))

export interface Ran {
  code: number | null
  out: string
  err: string
}

/** Runs the built program as a user does. `killAfter` (milliseconds) ends it with SIGKILL. */
export function kei(
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string>; killAfter?: number },
): Promise<Ran> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: options.cwd,
    // Under a CI system kei prints for it; the tests are about what a person sees.
    env: { ...process.env, NO_COLOR: '1', GITHUB_ACTIONS: '', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  if (options.killAfter !== undefined) setTimeout(() => child.kill('SIGKILL'), options.killAfter)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err }))
  })
}
