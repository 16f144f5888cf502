import { defineConfig } from 'vitest/config'
import { closingLineReporter } from './test/closing-line.ts'

// `KEI_TEST=full` (npm run test:full) runs the slow matrix whole.
const full = process.env['KEI_TEST'] === 'full'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['test/programs.ts'],
    reporters: ['default', closingLineReporter],
    // Tests start real servers; two cores are the smallest machine they are meant for.
    testTimeout: full ? 300_000 : 60_000,
    hookTimeout: full ? 300_000 : 120_000,
    maxWorkers: 2,
  },
})
