import type { SerializedError } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'

/** How a run ended, in tests. */
export interface Tally {
  passed: number
  failed: number
  skipped: number
}

/** `N passed, N failed`, with `, N skipped` when any were. The last line of a test run, alone on its line. */
export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`
}

/** Names every skipped test with its reason and ends the run with the closing line. */
export const closingLineReporter: Reporter = {
  onTestRunEnd(modules, unhandledErrors) {
    const skipped = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].map((test) => {
        const result = test.result()
        const reason = result.state === 'skipped' ? result.note : undefined
        return `skipped: ${module.relativeModuleId} > ${test.fullName}${reason === undefined ? '' : ` (${reason})`}`
      }),
    )
    const lines = [...skipped, closingLine(tally(modules, unhandledErrors))]
    process.stdout.write(`\n${lines.join('\n')}\n`)
  },
}

/** A file or a suite that cannot run, and an error outside any test, each count as one failure. */
function tally(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): Tally {
  const counted: Tally = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
  for (const module of modules) {
    counted.failed += module.errors().length
    for (const suite of module.children.allSuites()) counted.failed += suite.errors().length
    for (const test of module.children.allTests()) {
      const state = test.result().state
      // A test still pending when the run ends was never judged.
      counted[state === 'pending' ? 'failed' : state] += 1
    }
  }
  return counted
}
