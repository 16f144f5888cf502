import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-domain-scan.ts'

const domain = 'CREATE DOMAIN d AS int; CREATE DOMAIN e AS int; CREATE TABLE t (a d, b int); CREATE TABLE u (a d);'
const byText = (texts: string[]) => judgeExample(rule, history(...texts), 17, 'text')
const byTrace = (texts: string[]) => judgeExample(rule, history(...texts), 17, 'trace')

const harmless = {
  'NOT VALID': [domain, 'ALTER DOMAIN d ADD CHECK (VALUE > 0) NOT VALID;'],
  'a domain that no table uses': [domain, 'ALTER DOMAIN e ADD CHECK (VALUE > 0); ALTER DOMAIN e SET NOT NULL;'],
  'one whose tables are new': [domain, 'CREATE TABLE v (a e); ALTER DOMAIN e ADD CHECK (VALUE > 0);'],
  'what reads nothing': [domain, 'ALTER DOMAIN d SET DEFAULT 1; ALTER DOMAIN d DROP NOT NULL;'],
}

test.each(Object.entries(harmless))('%s is passed over, by the text and with a trace', async (_, texts) => {
  expect(await byText(texts)).toMatchObject({ findings: [], unknown: [] })
  expect(await byTrace(texts)).toMatchObject({ findings: [], unknown: [] })
})

test('says how many tables wait', async () => {
  const texts = [domain, 'ALTER DOMAIN d ADD CONSTRAINT positive CHECK (VALUE > 0);']
  expect((await byText(texts)).findings).toMatchObject([
    { message: 'ALTER DOMAIN … ADD CHECK reads all of t and 1 more while every write to them waits (SHARE)' },
  ])
  const { findings } = await byTrace(texts)
  expect(findings[0]?.next).toContain('ALTER DOMAIN d ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID;')
  expect(findings[0]?.evidence).toMatchObject([{ kind: 'trace', scans: ['public.t', 'public.u'] }])
})

test('what tables have is unknown where the text does not show it', async () => {
  const texts = ['CREATE DOMAIN d AS int; CREATE TABLE t AS SELECT 1::d AS a;', 'ALTER DOMAIN d SET NOT NULL;']
  expect(await byText(texts)).toMatchObject({ findings: [], unknown: ['a trace'] })
  expect(await byTrace(texts)).toMatchObject({ findings: [{}], unknown: [] })
})

test('SET NOT NULL has a way that reads nothing, VALIDATE CONSTRAINT can be left out', async () => {
  const next = async (change: string) =>
    (await byText([`${domain} ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID;`, change])).findings[0]?.next
  expect(await next('ALTER DOMAIN d SET NOT NULL;')).toContain(
    'ALTER DOMAIN d ADD CHECK (VALUE IS NOT NULL) NOT VALID;',
  )
  expect(await next('ALTER DOMAIN d VALIDATE CONSTRAINT c;')).toContain('leave the constraint NOT VALID')
})
