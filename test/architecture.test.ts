import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Files of src/ that every folder may import; they import nothing of kei's. */
const leaves: readonly string[] = ['errors', 'version']

/** What each folder of src/ may import besides itself and the leaves: the table of ARCHITECTURE.md. */
const allowed: Record<string, readonly string[]> = {
  errors: [],
  version: [],
  findings: [],
  sql: ['findings'],
  plan: ['findings'],
  postgres: ['sql', 'plan', 'findings'],
  config: ['findings'],
  project: ['config', 'sql', 'findings'],
  sources: ['project', 'config', 'postgres', 'sql', 'plan', 'findings'],
  trace: ['project', 'config', 'postgres', 'sql', 'plan', 'findings'],
  rules: ['sql', 'plan', 'findings'],
  check: ['rules', 'trace', 'sources', 'project', 'config', 'sql', 'findings'],
  fixes: ['project', 'sql', 'findings'],
  reporters: ['sql', 'findings'],
  migrate: ['trace', 'sources', 'project', 'config', 'postgres', 'sql', 'plan', 'findings'],
}

/** May import every folder. */
const composers: readonly string[] = ['cli', 'index']

/** Pure folders: the same code runs in a terminal, an editor and a test. */
const pure: readonly string[] = ['findings', 'sql', 'plan', 'rules']
const inputOutput = /^(node:(fs|child_process|net|tls|http|https|dns|worker_threads|os|process)(\/.*)?|pg)$/

const wordsThatSayNothing = /^(utils?|helpers?|common|shared|misc|lib|types|managers?|data|info)$/

const sources = filesBelow('src', /\.ts$/)
const untested = sources.filter((file) => !file.endsWith('.test.ts'))

describe('the architecture', () => {
  it('lets each folder of src import only what the allow-list names', () => {
    const broken = untested.flatMap((file) => {
      const from = folderOf(file)
      if (composers.includes(from)) return []
      return importsOf(file).flatMap(({ target }) => {
        if (target === undefined || target === from || leaves.includes(target)) return []
        return allowed[from]?.includes(target) === true ? [] : [`${file} imports ${target}`]
      })
    })
    expect(broken).toEqual([])
  })

  it('knows every folder of src', () => {
    const folders = new Set(untested.map(folderOf))
    expect([...folders].filter((folder) => !(folder in allowed) && !composers.includes(folder))).toEqual([])
  })

  it('says in ARCHITECTURE.md what the allow-list says', () => {
    const rows = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
      .split('## Who may import whom')[1]
      ?.split('\n##')[0]
      ?.matchAll(/^\| ([\w, .]+) \| ([\w, –]+) \|$/gm)
    const written = Object.fromEntries(
      [...(rows ?? [])].flatMap(([, folders = '', imports = '']) =>
        folders.split(', ').map((name) => [name, imports === '–' ? [] : imports.split(', ')]),
      ),
    )
    const folders = Object.entries(allowed).filter(([name]) => !leaves.includes(name))
    expect(written).toMatchObject(Object.fromEntries(folders))
  })

  it('keeps findings, sql, plan and rules free of input and output', () => {
    const broken = untested
      .filter((file) => pure.includes(folderOf(file)))
      .flatMap((file) =>
        importsOf(file)
          .filter(({ specifier, typeOnly }) => inputOutput.test(specifier) && !typeOnly)
          .map(({ specifier }) => `${file} imports ${specifier}`),
      )
    expect(broken).toEqual([])
  })

  it('has every folder of src in ARCHITECTURE.md', () => {
    const map = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && filesBelow(join('src', entry.name), /\.ts$/).length > 0)
      .map((entry) => `src/${entry.name}/`)
    expect(folders.filter((folder) => !map.includes(folder))).toEqual([])
  })

  it('has no path in ARCHITECTURE.md that does not exist', () => {
    const map = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
    const paths = [...map.matchAll(/`((?:src|test|bench|scripts|examples|docs|bin)\/[\w./-]*)`/g)].map(
      (match) => match[1],
    )
    expect(paths.filter((path) => path !== undefined && !existsSync(join(root, path)))).toEqual([])
  })

  it('names no file or folder by a word that says nothing', () => {
    const files = ['src', 'test', 'bench', 'scripts'].flatMap((folder) => filesBelow(folder, /\.(ts|js|sh)$/))
    const named = files.filter((file) =>
      file.split('/').some((part) => wordsThatSayNothing.test(part.split('.')[0] ?? '')),
    )
    expect(named).toEqual([])
  })

  it('names no file or export by a word that the glossary avoids', () => {
    const avoided = avoidedWords()
    expect(avoided.size).toBeGreaterThan(10)
    const named = untested.flatMap((file) => {
      const stem = (file.split('/').at(-1) ?? '').replace(/\.ts$/, '')
      const exported = [...readFileSync(join(root, file), 'utf8').matchAll(exportedName)].map((match) => match[1] ?? '')
      return [stem, ...exported]
        .filter((name) => wordsOf(name).some((word) => avoided.has(word)))
        .map((name) => `${file}: ${name}`)
    })
    expect(named).toEqual([])
  })

  it('calls process.exit only in cli/main.ts', () => {
    const callers = untested.filter((file) => /\bprocess\.exit\(/.test(readFileSync(join(root, file), 'utf8')))
    expect(callers.filter((file) => file !== 'src/cli/main.ts')).toEqual([])
  })

  it('has no source file of more than 400 lines that is not generated', () => {
    const long = untested
      .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))
      .filter(({ text }) => !/^\/\/ (generated|written) by /i.test(text) && text.split('\n').length > 401)
      .map(({ file, text }) => `${file}: ${text.split('\n').length} lines`)
    expect(long).toEqual([])
  })
})

interface Import {
  specifier: string
  typeOnly: boolean
  /** The folder of src/ that it leads to; undefined for a package. */
  target: string | undefined
}

const exportedName = /^export (?:async )?(?:function\*?|const|interface|type|class) (\w+)/gm
const importStatement =
  /^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(importStatement)].map((match) => {
    const specifier = match[2] ?? match[3] ?? match[4] ?? ''
    const target = specifier.startsWith('.') ? folderOf(join(dirname(file), specifier)) : undefined
    return { specifier, typeOnly: match[1] !== undefined, target }
  })
}

/** `sql` for `src/sql/parse.ts`; `errors` for `src/errors.ts`. */
function folderOf(file: string): string {
  return (relative('src', file).split('/')[0] ?? '').replace(/\.ts$/, '')
}

/** Words of the glossary's last column: what not to call a thing. */
function avoidedWords(): Set<string> {
  const rows = readFileSync(join(root, 'GLOSSARY.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| **'))
  const words = rows.flatMap((row) =>
    [...(row.split('|').at(-2) ?? '').matchAll(/`(\w+)`/g)].map((match) => match[1] ?? ''),
  )
  return new Set(words)
}

/** `relationLockOf` and `relation-lock-of` as `relation`, `lock`, `of`. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
}

function filesBelow(folder: string, name: RegExp): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter(
      (entry) => entry.isFile() && name.test(entry.name) && !/[\\/]node_modules[\\/]/.test(`${entry.parentPath}/`),
    )
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}
