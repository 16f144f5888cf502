#!/usr/bin/env node
/**
 * Writes what is generated from the rules.
 *
 *   node scripts/generate-rules.js registry [--check]   src/rules/registry.ts, from the listing of src/rules
 *   node scripts/generate-rules.js pages [--check]      docs/rules/*.md and docs/reference/locks.md, from dist: run
 *                                                       `npm run build` before
 *
 * With --check nothing is written; exit 1 when a file is stale, missing or left over.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'

const root = fileURLToPath(new URL('..', import.meta.url))
const isRuleFile = (name) => /^(?:no|require|prefer)-[a-z0-9-]+\.ts$/.test(name) && !name.endsWith('.test.ts')

/** src/rules/registry.ts as the folder listing demands it. */
export function registryText(rulesFolder = join(root, 'src/rules')) {
  const rules = readdirSync(rulesFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: category }) =>
      readdirSync(join(rulesFolder, category))
        .filter(isRuleFile)
        .map((file) => ({ category, file, id: file.slice(0, -3) })),
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  const camel = (id) => id.replace(/-([a-z0-9])/g, (_, letter) => letter.toUpperCase())
  return [
    '// Written by scripts/generate-rules.js from the listing of this folder; do not edit.',
    ...rules.map(({ category, file, id }) => `import ${camel(id)} from './${category}/${file}'`),
    "import type { Rule } from './rule.ts'",
    '',
    '/** Every rule, by id. */',
    'export const allRules: readonly Rule[] = [',
    ...rules.map(({ id }) => `  ${camel(id)},`),
    ']',
    '',
  ].join('\n')
}

async function pages() {
  const { allRules } = await import('../dist/rules/registry.js')
  const { rulePageFile, rulesIndex } = await import('../dist/rules/page.js')
  return new Map([
    ['README.md', rulesIndex(allRules)],
    ...allRules.map((rule) => [`${rule.id}.md`, rulePageFile(rule)]),
  ])
}

async function locks() {
  const { locksPage } = await import('../dist/rules/lock-table/page.js')
  const { loadParser } = await import('../dist/sql/parse.js')
  return new Map([['locks.md', locksPage(await loadParser())]])
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Makes `folder` hold exactly `files` among names matching `owned`; with `check` only says what differs. */
function settle(folder, files, owned, check) {
  mkdirSync(folder, { recursive: true })
  const stale = []
  for (const [name, text] of files) {
    if (readIfThere(join(folder, name)) === text) continue
    stale.push(name)
    if (!check) writeFileSync(join(folder, name), text)
  }
  for (const name of readdirSync(folder).filter((each) => owned(each) && !files.has(each))) {
    stale.push(name)
    if (!check) rmSync(join(folder, name))
  }
  for (const name of stale) console.log(`${check ? 'stale' : 'wrote'}: ${join(folder, name).slice(root.length)}`)
  return stale.length === 0
}

async function main([what, flag]) {
  const check = flag === '--check'
  const isPage = (name) => name.endsWith('.md')
  if (what === 'registry') {
    const files = new Map([['registry.ts', registryText()]])
    return settle(join(root, 'src/rules'), files, () => false, check)
  }
  if (what === 'pages') {
    const settled = settle(join(root, 'docs/rules'), await pages(), isPage, check)
    return settle(join(root, 'docs/reference'), await locks(), () => false, check) && settled
  }
  console.error('usage: node scripts/generate-rules.js registry|pages [--check]')
  process.exitCode = 2
  return true
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes('--check')
  if (!(await main(process.argv.slice(2))) && check) process.exitCode = 1
}
