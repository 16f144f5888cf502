import { readFileSync, writeFileSync } from 'node:fs'
import { arch, cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { root } from './root.ts'

/** What the figures were measured on. */
export function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown processor'
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GB`
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  return `${model}, ${cpus().length} cores, ${memory}, ${process.platform} ${release()} ${arch()}, Node ${process.versions.node}, kei ${version}`
}

/**
 * Puts figures between the marks that bench/README.md has for an npm script.
 * @throws Error when it has none.
 */
export function writeFigures(script: string, figures: string): void {
  const readme = join(root, 'bench/README.md')
  const text = readFileSync(readme, 'utf8')
  const [start, end] = [`<!-- figures: written by \`npm run ${script} -- --write\` -->`, '<!-- end of figures -->']
  const from = text.indexOf(start)
  const to = text.indexOf(end, from)
  if (from === -1 || to === -1) throw new Error(`${readme} has lost its marks for ${script}`)
  writeFileSync(readme, `${text.slice(0, from + start.length)}\n\n${figures}\n\n${text.slice(to)}`)
}
