#!/usr/bin/env node
// `npm run demo`: runs `kei check` on a copy of examples/shop, shows the report, and exits 0 only when exactly the
// findings of examples/shop/expected.json came out.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** @typedef {{ rule: string, file: string, line: number }} Expected */

const root = fileURLToPath(new URL('..', import.meta.url))
const kei = join(root, 'bin/kei.js')
const example = join(root, 'examples/shop')

// Committed on the main branch the example's migrations are released, and what running a released file does is only
// counted. A copy whose files git tracks, and that has no commit yet, is a project that nobody has deployed.
const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'kei-demo-'))
process.exitCode = 1
try {
  const copy = join(scratch, 'shop')
  cpSync(example, copy, { recursive: true })
  for (const args of [
    ['init', '--quiet'],
    ['add', '--all', '--force'],
  ])
    spawnSync('git', args, { cwd: copy })
  process.exitCode = demo(copy) ? 0 : 1
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

/**
 * @param {string} copy
 * @returns {boolean} whether exactly the expected findings came out
 */
function demo(copy) {
  console.log('$ kei check    # in a copy of examples/shop')
  // Exit 1 says that there are findings, which is the point here.
  const shown = run(copy, ['check'], 'inherit')
  if (shown.status !== 0 && shown.status !== 1) return verdict(`kei check ended with exit code ${shown.status}`)

  const again = run(copy, ['check', '--reporter', 'json'], 'pipe')
  if (again.status !== 0 && again.status !== 1) {
    return verdict(`kei check --reporter json ended with exit code ${again.status}\n${again.stderr}`)
  }
  const report = JSON.parse(again.stdout)
  /** @type {Expected[]} */
  const expected = JSON.parse(readFileSync(join(example, 'expected.json'), 'utf8'))
  const wanted = expected.map(describe)
  /** @type {string[]} */
  const found = report.findings.map(describeFinding)
  const missing = without(wanted, found)
  const unexpected = without(found, wanted)
  for (const finding of missing) console.log(`missing     ${finding}`)
  for (const finding of unexpected) console.log(`unexpected  ${finding}`)
  const { traced, statements } = report.summary
  const judge = `${traced} of ${statements} statements ran on PostgreSQL ${report.server ?? report.major}`
  if (missing.length + unexpected.length > 0) {
    return verdict(`${missing.length} of ${wanted.length} findings missing, ${unexpected.length} unexpected; ${judge}`)
  }
  console.log(`\ndemo: ok, exactly the ${wanted.length} expected findings; ${judge}`)
  return true
}

/**
 * @param {string} copy
 * @param {string[]} args
 * @param {'inherit' | 'pipe'} output
 */
function run(copy, args, output) {
  return spawnSync(process.execPath, [kei, ...args], {
    cwd: copy,
    stdio: ['ignore', output, output],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
}

/** @param {string} why */
function verdict(why) {
  console.log(`\ndemo: failed, ${why}`)
  return false
}

/** @param {Expected} expected */
function describe({ rule, file, line }) {
  return `${rule} ${file}:${line}`
}

/** @param {{ rule: string, location: { kind: string, file?: string, line?: number, name?: string } }} finding */
function describeFinding({ rule, location }) {
  return location.kind === 'file' ? `${rule} ${location.file}:${location.line}` : `${rule} ${location.name}`
}

/**
 * What is left of `all` when each of `taken` takes one equal away.
 * @param {string[]} all
 * @param {string[]} taken
 */
function without(all, taken) {
  const rest = [...taken]
  return all.filter((one) => {
    const at = rest.indexOf(one)
    if (at === -1) return true
    rest.splice(at, 1)
    return false
  })
}
