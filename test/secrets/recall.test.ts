import { expect, test } from 'vitest'
import noCommittedEnv from '../../src/rules/secrets/no-committed-env.ts'
import noConnectionPassword from '../../src/rules/secrets/no-connection-password.ts'
import type { Place, Verdict } from '../../src/rules/rule.ts'
import { isEnvironmentFile } from '../../src/sql/passwords/environment-file.ts'
import { secretCases } from './cases.ts'
import type { SecretCase } from './cases.ts'

const context = { major: 17, today: '2026-11-23', options: { history: true } } as const

/** The stretches of the text that are found, but for those that are only noted. */
function found({ file, text }: SecretCase): string[] {
  const subject = { file, text, tracked: true }
  const verdicts: Verdict[] = [
    ...noConnectionPassword.check(subject, context),
    ...(isEnvironmentFile(file) ? noCommittedEnv.check({ files: [subject], committed: [] }, context) : []),
  ]
  return verdicts.flatMap((verdict) =>
    verdict.kind === 'finding' && verdict.severity !== 'note' ? [textAt(verdict.at)] : [],
  )
}

function textAt(place: Place): string {
  return 'span' in place ? place.text.slice(place.span.start, place.span.end) : ''
}

test('of the passwords nearly all are found, and of what is found nearly all are passwords', () => {
  const judged = secretCases.map((each) => ({ ...each, found: found(each) }))
  const real = judged.filter(({ secret }) => secret !== undefined)
  const harmless = judged.filter(({ secret }) => secret === undefined)
  const hits = real.filter(({ secret, found: places }) => places.length === 1 && places[0] === secret)
  const misses = real.filter((each) => !hits.includes(each))
  const alarms = harmless.filter(({ found: places }) => places.length > 0)
  const recall = hits.length / real.length
  const precision = hits.length / (hits.length + alarms.length + misses.filter((each) => each.found.length > 0).length)

  const shown = [...misses.map((each) => ['missed', each] as const), ...alarms.map((each) => ['alarm', each] as const)]
  console.log(
    [
      `${real.length} passwords, ${harmless.length} harmless texts: recall ${recall.toFixed(3)}, precision ${precision.toFixed(3)}`,
      ...shown.map(([what, each]) => `${what} in ${each.file}: ${each.text} ${JSON.stringify(each.found)}`),
    ].join('\n'),
  )
  expect(secretCases.length).toBeGreaterThanOrEqual(200)
  expect(Math.abs(real.length - harmless.length)).toBeLessThan(secretCases.length * 0.1)
  expect(recall).toBeGreaterThanOrEqual(0.97)
  expect(precision).toBeGreaterThanOrEqual(0.97)
})
