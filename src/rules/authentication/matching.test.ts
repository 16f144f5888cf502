import { describe, expect, test } from 'vitest'
import { parseAuthentication } from '../../sources/authentication/parse.ts'
import { isFromItself, isFromPrivateNetwork, reachOf } from './matching.ts'

const missing = { kind: 'missing' } as const
const noFiles = { read: () => missing, list: () => missing }

function recordsOf(...lines: string[]) {
  const { records, faults } = parseAuthentication('pg_hba.conf', lines.join('\n'), noFiles, 17)
  expect(faults).toEqual([])
  return records
}

function lastChannels(...lines: string[]): string[] {
  return [...(reachOf(recordsOf(...lines)).at(-1)?.channels ?? [])]
}

describe('the last line is never reached', () => {
  test.each([
    ['a wider network', 'host all all 10.0.0.0/8 trust', 'hostssl shop shop 10.1.0.0/16 md5'],
    ['all addresses', 'host all all all trust', 'host all all db.example.com md5'],
    ['all IPv4 and all IPv6 addresses', 'host all all 0.0.0.0/0 trust', 'host all all ::/0 md5', 'host a b all md5'],
    ['a domain', 'host all all .example.com trust', 'host all all DB.example.com md5'],
    ['all of its databases and users', 'local a,b,c x,y trust', 'local c,a y md5'],
    ['TLS and the rest apart', 'hostssl all all all trust', 'hostnossl all all all md5', 'host a b ::1/128 md5'],
    ['the same group', 'local all +staff trust', 'local shop +staff md5'],
    ['the same expression', 'local /^a all trust', 'local /^a b md5'],
    ['the old name of a keyword', 'local samegroup all trust', 'local samerole all md5'],
    ['a name that needs no quotes', 'local "shop" all trust', 'local shop all md5'],
  ])('when %s came before', (_, ...lines) => {
    expect(lastChannels(...lines)).toEqual([])
  })
})

describe('the last line is reached', () => {
  test.each([
    ['all is not replication', 'host all all all trust', 'host replication all 10.0.0.0/8 md5'],
    ['a quoted keyword is a name', 'local "all" all trust', 'local shop all md5'],
    ['a group may have other members', 'local all +staff trust', 'local all anna md5'],
    ['an expression may mean others', 'local all /^a trust', 'local all anna md5'],
    ['one of its users is left', 'local all a,b trust', 'local all b,c md5'],
    ['a network is not its addresses’ names', 'host all all 10.0.0.0/8 trust', 'host all all db.example.com md5'],
    ['sameuser is not every database', 'local sameuser all trust', 'local shop all md5'],
    ['the socket is no address', 'host all all all trust', 'local all all md5'],
  ])('%s', (_, ...lines) => {
    expect(lastChannels(...lines)).not.toEqual([])
  })

  test('on what earlier lines leave to it', () => {
    expect(lastChannels('hostnossl all all all reject', 'host shop shop 10.0.0.0/8 md5')).toEqual(['tls 4'])
    expect(lastChannels('host all all 0.0.0.0/0 reject', 'hostnogssenc all all all md5')).toEqual(['plain 6', 'tls 6'])
  })
})

test('tells the machine itself and private networks from others', () => {
  const [own, ...others] = recordsOf(
    'host all all 127.0.0.0/8 trust',
    'host all all 127.0.0.0/7 trust',
    'host all all 172.31.0.0/16 trust',
    'host all all 172.32.0.0/16 trust',
    'host all all fd00::/8 trust',
  )
  expect(own && isFromItself(own)).toBe(true)
  expect(others.map(isFromItself)).toEqual([false, false, false, false])
  const isPrivate = others.map((record) => record.type !== 'local' && isFromPrivateNetwork(record))
  expect(isPrivate).toEqual([false, true, false, true])
})
