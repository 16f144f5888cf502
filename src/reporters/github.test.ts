import { describe, expect, it } from 'vitest'
import { context, hostileReport, sqlFile } from '../../test/hostile-report.ts'
import { github } from './github.ts'

interface Command {
  name: string
  properties: Record<string, string>
  message: string
}

/** As the runner of GitHub Actions reads a line. */
function commandOf(line: string): Command {
  const [, name = '', list = '', message = ''] = /^::(\w+) (.*?)::(.*)$/.exec(line) ?? []
  const properties = list.split(',').map((property) => {
    const [key = '', value = ''] = property.split(/=(.*)/)
    return [key, unescaped(value.replaceAll('%3A', ':').replaceAll('%2C', ','))] as const
  })
  return { name, properties: Object.fromEntries(properties), message: unescaped(message) }
}

function unescaped(text: string): string {
  return text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%')
}

function commandsOf(report: typeof hostileReport): Command[] {
  return github(report, context)
    .split('\n')
    .filter((line) => line !== '')
    .map(commandOf)
}

describe('github', () => {
  const commands = commandsOf(hostileReport)

  it('has a command for each severity, with the place and the rule', () => {
    expect(commands.map(({ name }) => name)).toEqual([
      ...['error', 'error', 'error', 'error', 'warning', 'warning', 'notice'],
      'notice',
    ])
    expect(commands[0]?.properties).toEqual({
      file: sqlFile,
      line: '2',
      endLine: '2',
      col: '2',
      endColumn: '24',
      title: 'require-concurrent-index',
    })
  })

  it('says how it is known and what to do', () => {
    expect(commands[1]?.message).toBe(
      'CREATE INDEX blocks every write to t\n\n' +
        'Known: in the text: CREATE INDEX i ON t (a)\n' +
        'Do: Write:\n  CREATE INDEX CONCURRENTLY i ON t (a);',
    )
  })

  it('gives no columns for several lines, and leaves out a last line of which nothing belongs to it', () => {
    expect(commands[2]?.properties).toEqual({ file: sqlFile, line: '3', endLine: '4', title: 'no-rewriting-column' })
    const [first] = hostileReport.findings
    if (first === undefined) throw new Error('the report has findings')
    const location = { kind: 'file', file: 'a.sql', line: 3, column: 4, endLine: 4, endColumn: 1 } as const
    const [command] = commandsOf({ ...hostileReport, findings: [{ ...first, location }] })
    expect(command?.properties).toEqual({
      file: 'a.sql',
      line: '3',
      endLine: '3',
      title: 'require-concurrent-index',
    })
  })

  it('keeps commas, colons, per cents and line breaks of a path', () => {
    expect(commands[3]?.properties['file']).toBe('m/a,b:c\n\\::error::d%.sql')
    expect(commands[2]?.message).toContain('100% of {0} in %0A%3A, done')
  })

  it('names an object or setting that stands in no file', () => {
    expect(commands[4]?.properties).toEqual({ title: 'prefer-gin' })
    expect(commands[5]?.message).toMatch(/^ssl: CREATE INDEX/)
  })

  it('ends with one notice about what was not judged, and has none where everything was', () => {
    const last = commands.at(-1)
    expect(last?.properties['title']).toBe('kei check: 4 errors, 2 warnings, 1 note')
    expect(last?.message).toContain('(2 statements did not run because of it)')
    expect(last?.message).toContain('1 statement did not run because of m/0_before.sql:9')
    expect(last?.message).toContain('prefer-gin: 2 places need')
    expect(last?.message).toContain('something was stubbed')
    const judged = { ...hostileReport, findings: [], ignored: [], unknown: [], notTraced: [], notices: [] }
    expect(github(judged, context)).toBe('')
  })
})
