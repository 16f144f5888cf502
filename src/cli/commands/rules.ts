import { exitCodes } from '../../errors.ts'
import { defineCommand } from '../command.ts'

export const rules = defineCommand({
  name: 'rules',
  summary: 'List the rules',
  description: 'Lists every rule with its severity and what it finds. `kei rule NAME` shows one whole.',
  arguments: [],
  options: [{ flags: '--json', description: 'One JSON document' }],
  examples: [],
  async run({ options }, { terminal }) {
    const { allRules } = await import('../../rules/registry.ts')
    const rows = allRules.map(({ id, severity, category, summary, since }) => ({
      id,
      severity,
      category,
      summary,
      since,
    }))
    if (options['json'] === true) {
      terminal.out.write(`${JSON.stringify({ version: 1, rules: rows }, null, 2)}\n`)
      return exitCodes.clean
    }
    const idWidth = Math.max(...rows.map((row) => row.id.length))
    const severityWidth = Math.max(...rows.map((row) => row.severity.length))
    for (const row of rows) {
      terminal.out.write(`${row.id.padEnd(idWidth)}  ${row.severity.padEnd(severityWidth)}  ${row.summary}\n`)
    }
    return exitCodes.clean
  },
})
