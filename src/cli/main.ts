import { readVersion } from '../version.ts'

// The fastest answer: nothing else is loaded for it.
const first = process.argv[2]
if (process.argv.length === 3 && (first === '--version' || first === '-V')) {
  process.stdout.write(`${readVersion()}\n`)
} else {
  // What every later Node has. Without it pg makes a Response to find out where it runs, and that loads 20 ms of code.
  if (!('navigator' in globalThis)) {
    Object.defineProperty(globalThis, 'navigator', { value: { userAgent: `Node.js/${process.versions.node}` } })
  }
  const { runProgram } = await import('./program.ts')
  // Setting the exit code rather than exiting lets piped output drain.
  process.exitCode = await runProgram(process.argv.slice(2))
}
