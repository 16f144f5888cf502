import { describe, expect, it } from 'vitest'
import { checkProject } from '../../src/check/check.ts'
import { reporters } from '../../src/reporters/reporters.ts'
import { git, repositoryWith, writeFiles } from '../repository.ts'
import { secretCases } from './cases.ts'

/** Every password of the cases in one repository, as far as they do not need the name of their file; one more in the history. */
function repository(): string {
  const files = secretCases.flatMap(({ file, text, secret }, index): [string, string][] =>
    secret === undefined ? [] : [[`case-${index}/${file}`, `${text}\n`]],
  )
  const root = repositoryWith({ ...Object.fromEntries(files), '.env.old': `${oldSecret}\n` })
  git(root, 'rm', '--quiet', '.env.old')
  git(root, 'commit', '--quiet', '--message=remove')
  writeFiles(root, { '.env.local': `${oldSecret}\n` })
  return root
}

const oldPassword = ['late', 'Swan', '88'].join('.')
const oldSecret = `PGHOST=10.0.4.7\nPGPASSWORD=${oldPassword}`

const root = repository()
const options = { path: root, workingDirectory: root, postgresMajor: 17, trace: false, all: true } as const
const { report, textOf } = await checkProject(options)
const describeRules = async () => []
const secrets = [...new Set(secretCases.flatMap(({ secret }) => (secret === undefined ? [] : [secret])))]

describe('a report on passwords', () => {
  it('has found them', () => {
    const found = report.findings.filter(({ rule }) => rule === 'no-connection-password' || rule === 'no-committed-env')
    expect(found.length).toBeGreaterThanOrEqual(secretCases.filter(({ secret }) => secret !== undefined).length)
    expect(found.map(({ location }) => location)).toContainEqual(expect.objectContaining({ objectType: 'commit' }))
  })

  it.each(Object.keys(reporters) as (keyof typeof reporters)[])('shows none of them as %s', async (name) => {
    const reporter = await reporters[name](describeRules)
    for (const colour of [false, true]) {
      const printed = reporter(report, { colour, width: 200, textOf })
      expect(printed).toMatch(/no-(?:connection-password|committed-env)/)
      for (const secret of [...secrets, oldPassword]) {
        expect(printed.includes(secret), `shows ${secret}`).toBe(false)
      }
    }
  })
})
