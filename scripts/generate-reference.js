// Writes docs/reference/commands.md from the command table. `--check` changes nothing and fails when it is stale.
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { allCommands } from '../dist/cli/commands.js'

const path = fileURLToPath(new URL('../docs/reference/commands.md', import.meta.url))
const commands = await allCommands()
const text = page()

if (process.argv.includes('--check')) {
  let written = ''
  try {
    written = readFileSync(path, 'utf8')
  } catch {
    // Missing is stale.
  }
  if (written !== text) {
    console.error('docs/reference/commands.md is not what the command table says: run `npm run docs`.')
    process.exitCode = 1
  }
} else {
  mkdirSync(fileURLToPath(new URL('../docs/reference', import.meta.url)), { recursive: true })
  writeFileSync(path, text)
}

function page() {
  const parts = [
    '# Commands',
    'Written by `scripts/generate-reference.js` from the command table; `kei COMMAND --help` prints the same.',
    ...commands.map(section),
  ]
  return `${parts.join('\n\n')}\n`
}

function section(command) {
  const usage = ['kei', command.name, ...command.arguments.map((argument) => argument.name), '[options]'].join(' ')
  const parts = [`## kei ${command.name}`, `\`${usage}\``, command.description]
  const rows = [
    ...command.arguments.map(({ name, description }) => `| \`${name}\` | ${description} |`),
    ...command.options.map((option) => {
      const choices =
        option.choices === undefined ? '' : ` One of ${option.choices.map((choice) => `\`${choice}\``).join(', ')}.`
      return `| \`${option.flags}\` | ${option.description}.${choices} |`
    }),
  ]
  if (rows.length > 0) parts.push(['| | |', '|---|---|', ...rows].join('\n'))
  if (command.examples.length > 0) {
    parts.push(
      [
        '```sh',
        ...command.examples.map(({ command: line, says }) => (says === '' ? line : `${line}  # ${says}`)),
        '```',
      ].join('\n'),
    )
  }
  return parts.join('\n\n')
}
