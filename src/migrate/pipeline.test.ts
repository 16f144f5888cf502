import { expect, test } from 'vitest'
import { withTarget } from '../../test/up.ts'
import { sendPipeline } from './pipeline.ts'

test('nothing behind a BEGIN that fails is run, with or without pipelined queries', () =>
  withTarget(17, async ({ admin, open }) => {
    for (const client of [await open(), admin]) {
      const end = await sendPipeline(client, [
        { text: 'BEGIN ISOLATION LEVEL NONE' },
        { text: 'CREATE TABLE autocommitted (a int)' },
        { text: 'COMMIT' },
      ])
      expect(end).toMatchObject({ kind: 'refused', at: 0, error: { code: '42601' }, answers: [] })
      const next = await sendPipeline(client, [{ text: `SELECT to_regclass('autocommitted') AS found`, rows: true }])
      expect(next).toMatchObject({ kind: 'done', answers: [{ rows: [{ found: null }] }] })
    }
  }))

test('a statement that fails in the middle leaves the transaction failed, and is told by its number', () =>
  withTarget(17, async ({ open }) => {
    const client = await open()
    const end = await sendPipeline(client, [
      { text: 'BEGIN' },
      { text: 'CREATE TABLE t (a int)' },
      { text: 'SELECT 1 / 0' },
      { text: 'COMMIT' },
    ])
    expect(end).toMatchObject({ kind: 'refused', at: 2, error: { code: '22012' } })
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' })
    await client.query('ROLLBACK')
    expect((await client.query(`SELECT to_regclass('t') AS found`)).rows).toEqual([{ found: null }])
  }))

test('a session can be told of many failures', () =>
  withTarget(17, async ({ open }) => {
    const client = await open()
    for (let attempt = 0; attempt < 20; attempt++) {
      expect(await sendPipeline(client, [{ text: 'SELECT 1 / 0' }])).toMatchObject({ kind: 'refused', at: 0 })
    }
    expect(client.connection.listenerCount('end')).toBeLessThan(5)
  }))

test('rows are kept only where they are asked for', () =>
  withTarget(17, async ({ open }) => {
    const end = await sendPipeline(await open(), [
      { text: 'SELECT g FROM generate_series(1, 3) AS g' },
      { text: '' },
      { text: 'SELECT $1::text AS given, $2::text[] AS list', values: ['ü', ['a"b', 'c']], rows: true },
    ])
    expect(end).toEqual({
      kind: 'done',
      answers: [
        { command: 'SELECT', rows: [] },
        { command: '', rows: [] },
        { command: 'SELECT', rows: [{ given: 'ü', list: ['a"b', 'c'] }] },
      ],
    })
  }))

test('a session that the server ends is told as lost, with what was not answered', () =>
  withTarget(17, async ({ open }) => {
    const client = await open()
    const end = await sendPipeline(client, [
      { text: 'SELECT 1' },
      { text: 'SELECT pg_terminate_backend(pg_backend_pid())' },
      { text: 'SELECT 2' },
    ])
    expect(end).toMatchObject({ kind: 'lost', at: 1 })
    await expect(client.query('SELECT 1')).rejects.toThrow()
  }))
