import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isAlive, ownIdentity } from './process-identity.ts'
import { takeLock, withLock } from './process-lock.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kei-test-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

test('of many who try at once exactly one gets the lock, and the next one after it lets go', async () => {
  for (let round = 1; round <= 20; round += 1) {
    const locks = (await Promise.all(Array.from({ length: 20 }, () => takeLock(folder)))).filter((lock) => lock)
    expect(locks).toHaveLength(1)
    await locks[0]?.release()
  }
  expect(readdirSync(folder)).toHaveLength(1)
})

test('the lock of a dead process is taken over by exactly one', async () => {
  const child = spawn('true')
  const holder = { pid: child.pid, startTime: '1' }
  await new Promise((resolve) => child.on('exit', resolve))
  writeFileSync(join(folder, 'lock.41'), JSON.stringify(holder))
  const locks = await Promise.all(Array.from({ length: 50 }, () => takeLock(folder)))
  expect(locks.filter((lock) => lock)).toHaveLength(1)
  expect(readdirSync(folder)).toEqual(['lock.42'])
})

test('a process that got the number of the dead holder does not hold its lock', async () => {
  writeFileSync(join(folder, 'lock.1'), JSON.stringify({ ...ownIdentity(), startTime: 'long ago' }))
  expect(await takeLock(folder)).toBeDefined()
})

test('the lock of a living process stays', async () => {
  writeFileSync(join(folder, 'lock.1'), JSON.stringify(ownIdentity()))
  expect(await takeLock(folder)).toBeUndefined()
})

test('a lock file that a power cut emptied is nobody’s', async () => {
  writeFileSync(join(folder, 'lock.7'), '')
  expect(await takeLock(folder)).toBeDefined()
})

test('processes that wait for a lock work one after the other', async () => {
  let inside = 0
  let most = 0
  await Promise.all(
    Array.from({ length: 8 }, () =>
      withLock(folder, async () => {
        inside += 1
        most = Math.max(most, inside)
        await delay(5)
        inside -= 1
      }),
    ),
  )
  expect(most).toBe(1)
})

test('a lock is let go when its work fails', async () => {
  await expect(withLock(folder, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await takeLock(folder)).toBeDefined()
})

test('this process is alive, and an ended one is not, even while its parent has not waited for it', async () => {
  expect(isAlive(ownIdentity())).toBe(true)
  expect(isAlive({ pid: 2 ** 30, startTime: '1' })).toBe(false)
})
