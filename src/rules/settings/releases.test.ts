import { expect, test } from 'vitest'
import { parseVersion, releaseLines, standingOf } from './releases.ts'
import { serverImages } from './server-image.ts'

const standing = (version: string, today: string) => {
  const parsed = parseVersion(version)
  return parsed && standingOf(parsed, today)
}

test('every line lives about five years, and its newest minor came out while it lived', () => {
  for (const [index, { major, firstRelease, endOfLife, newest }] of releaseLines.entries()) {
    const years = (Date.parse(endOfLife) - Date.parse(firstRelease)) / (365.25 * 86_400_000)
    expect(years, `${major}`).toBeGreaterThan(5)
    expect(years, `${major}`).toBeLessThan(5.3)
    expect(newest.date > firstRelease && newest.date <= endOfLife, `${major}`).toBe(true)
    expect(major).toBe(10 + index)
  }
})

test('a major ends on the day of its last release', () => {
  expect(standing('15.20', '2027-11-10')).toMatchObject({ kind: 'ending', endOfLife: '2027-11-11', behind: 0 })
  expect(standing('15.20', '2027-11-11')).toMatchObject({ kind: 'ended', endOfLife: '2027-11-11' })
  expect(standing('9.6.24', '2026-11-23')).toMatchObject({ kind: 'ended', endOfLife: undefined })
})

test('the warning begins six months before', () => {
  expect(standing('15.20', '2027-05-10')).toBeUndefined()
  expect(standing('15.20', '2027-05-11')).toMatchObject({ kind: 'ending' })
  expect(standing('15', '2027-05-11')).toMatchObject({ kind: 'ending', behind: 0 })
})

test('a minor is behind only once the newer one is out', () => {
  expect(standing('17.10 (Debian 17.10-1.pgdg13+1)', '2026-11-23')).toMatchObject({ behind: 2, newest: '17.12' })
  expect(standing('17.10', '2026-11-11')).toBeUndefined()
  expect(standing('17.12', '2026-11-23')).toBeUndefined()
  expect(standing('17.99', '2026-11-23')).toBeUndefined()
})

test('nothing is said of a beta, a tag without a minor or a major that is not known yet', () => {
  expect(parseVersion('19beta1')).toBeUndefined()
  expect(standing('17', '2026-11-23')).toBeUndefined()
  expect(standing('40.1', '2026-11-23')).toBeUndefined()
})

test('the servers of compose files and Dockerfiles are read from their tags', () => {
  const text = [
    'image: postgres:17.2-alpine',
    "  image: 'docker.io/library/postgres:16'",
    '  - image: "bitnami/postgresql:13.8.0-debian-11-r0"',
    'image: postgis/postgis:15-3.4@sha256:abcdef',
    'image: pgvector/pgvector:0.8.0-pg14',
    'image: timescale/timescaledb:2.17.2-pg16.4',
    'image: localhost:5000/mirror/postgres:12.1 # old',
    'FROM --platform=linux/amd64 postgres:13.4 AS base',
    'from ghcr.io/cloudnative-pg/postgresql:16.2-10',
    '# image: postgres:9.6',
    'image: postgres',
    'image: postgres:latest',
    'image: postgres:${VERSION}',
    'image: prometheuscommunity/postgres-exporter:0.15.0',
    'image: edoburu/pgbouncer:v1.23.1-p3',
  ].join('\n')
  const found = serverImages(text)
  expect(found.map(({ version: { major, minor } }) => [major, minor])).toEqual([
    [17, 2],
    [16, undefined],
    [13, 8],
    [15, undefined],
    [14, undefined],
    [16, 4],
    [12, 1],
    [13, 4],
    [16, 2],
  ])
  for (const { image, span } of found) expect(text.slice(span.start, span.end)).toBe(image)
})
