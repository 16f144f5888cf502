import { exitCodes, usageError } from '../../errors.ts'
import { defineCommand } from '../command.ts'

export const rule = defineCommand({
  name: 'rule',
  summary: 'Show one rule: why, what instead, examples, what was measured',
  description: 'Shows a rule whole: what it finds, why that hurts, what to do instead, examples, options and sources.',
  arguments: [{ name: '<name>', description: 'The rule, for example require-concurrent-index' }],
  options: [{ flags: '--json', description: 'One JSON document' }],
  examples: [{ command: 'kei rule require-foreign-key-index', says: 'the whole page' }],
  async run({ arguments: [given], options }, { terminal }) {
    const name = String(given)
    const { allRules } = await import('../../rules/registry.ts')
    const found = allRules.find((candidate) => candidate.id === name)
    if (found === undefined) {
      const { nearest } = await import('../../findings/nearest.ts')
      const meant = nearest(
        name,
        allRules.map(({ id }) => id),
      )
      throw usageError({
        code: 'unknown-rule',
        message: `There is no rule ${JSON.stringify(name)}`,
        hint: meant === undefined ? 'Run `kei rules` for the list.' : `Did you mean ${meant}? \`kei rules\` lists all.`,
      })
    }
    if (options['json'] === true) {
      const { check: _check, ...described } = found
      terminal.out.write(`${JSON.stringify({ version: 1, rule: described }, null, 2)}\n`)
      return exitCodes.clean
    }
    const { rulePage } = await import('../../rules/page.ts')
    terminal.out.write(rulePage(found))
    return exitCodes.clean
  },
})
