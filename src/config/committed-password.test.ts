import { describe, expect, it } from 'vitest'
import { holdsPassword } from './committed-password.ts'

describe('holdsPassword', () => {
  it.each([
    'postgresql://app:hunter2@db/shop',
    'postgres://:hunter2@db',
    'postgresql://app:a/b@db/shop',
    'postgresql://app:a?b@db/shop',
    'postgresql://db/shop?password=hunter2',
    'postgresql://db/shop?sslmode=require&sslpassword=x',
    'host=db password=hunter2',
    'password = hunter2 host=db',
    "host='db'password='hunter2'",
    'host=db PASSWORD=hunter2',
  ])('sees the one in %s', (text) => {
    expect(holdsPassword(text)).toBe(true)
  })

  it.each([
    'postgresql://app@db:5432/shop?sslmode=require',
    'postgresql://db:5432/shop?user=a@b',
    'postgresql://[::1]:5432/shop',
    'host=db port=5432 passfile=/x user=password',
    'service=shop',
  ])('sees none in %s', (text) => {
    expect(holdsPassword(text)).toBe(false)
  })

  it('is quick about a text made to be slow', () => {
    const started = Date.now()
    for (const piece of [':', 'a:', 'password ', ' ']) holdsPassword(`postgresql://${piece.repeat(200_000)}`)
    expect(Date.now() - started).toBeLessThan(1_000)
  })
})
