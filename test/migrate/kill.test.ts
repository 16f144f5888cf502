import { createHash, randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { majors } from '../postgres.ts'
import type { Major } from '../postgres.ts'
import { folderWith } from '../repository.ts'
import { startCrashServer } from './crash-server.ts'
import { killProgram, killServer, runUndisturbed } from './killed-runs.ts'
import type { Pass, Place, Tried, Undisturbed } from './killed-runs.ts'
import type { Moment } from './message-gate.ts'
import { findWaits, killParkedProgram, killServerOfParked } from './parked-statement.ts'
import type { Wait } from './parked-statement.ts'
import type { Message } from './run-place.ts'
import { tenFiles } from './ten-files.ts'

const full = process.env['KEI_TEST'] === 'full'
const seed = process.env['KEI_TEST_SEED'] ?? String(randomInt(2 ** 32))

/** Milliseconds, for one kind of kill on one major with two cores shared with other tests. */
const timeout = full ? 900_000 : 60_000

const folder = folderWith(
  Object.fromEntries(Object.entries(tenFiles).map(([name, text]) => [`migrations/${name}`, text])),
)

const before = (message: Message): Moment => ({ message, side: 'before' })
const after = (message: Message): Moment => ({ message, side: 'after' })

/** kei dies with all that it knows, so the moment after one message is the one before the next. */
function momentsOfProgram(messages: readonly Message[]): Moment[] {
  return [...messages.map(before), ...messages.slice(-1).map(after)]
}

/** kei goes on living, so where the message changes something it also matters whether kei heard the answer. */
function momentsOfServer(messages: readonly Message[]): Moment[] {
  return messages.flatMap((message) => [
    before(message),
    ...(message.awaited && !isQuestion(message) ? [after(message)] : []),
  ])
}

/** What the server forgets with the session or the transaction. */
function isQuestion({ text }: Message): boolean {
  return /^(?:SELECT|SET|BEGIN|ROLLBACK|SAVEPOINT)\b/.test(text)
}

/** Without those before which only questions came since another one: for the server they are the same. */
function unlikeTheLast(moments: readonly Moment[]): Moment[] {
  return moments.filter(({ side, message }, index) => {
    const last = moments[index - 1]?.message
    return side === 'after' || last?.place !== message.place || !last.awaited || !isQuestion(last)
  })
}

/** Of runs that go on from applied files, each of which begins and ends like the others. */
function messagesOfFiles({ messages }: Undisturbed): Message[] {
  return messages.filter(({ place }) => /file|end/.test(place))
}

/**
 * Of the run that begins on the empty database, as far as it differs: there it sends several files at once, and commits
 * do not wait for the disk, so that a crash of the server may take several files with it.
 */
function messagesOfStart({ fresh }: Undisturbed): Message[] {
  return fresh
    .filter(({ place, number }) => /^(?:start|file [1-4]$)/.test(place) || (place === 'file 5' && number <= 5))
    .map((message) =>
      // It may have waited for the disk before, and then need not now.
      message.place === 'file 5' ? { ...message, text: '', awaited: false } : message,
    )
}

/** Divides moments into passes, in each at most one of each file, in the order of the files. */
function passesOf(moments: readonly Moment[]): Pass[] {
  const passes: Moment[][] = []
  const used = new Map<string, number>()
  for (const moment of shuffled(moments)) {
    const part = partOf(moment.message)
    const index = used.get(part) ?? 0
    used.set(part, index + 1)
    passes[index] = [...(passes[index] ?? []), moment]
  }
  return passes.map((pass) => {
    const sorted = pass.toSorted((a, b) => rank(a) - rank(b))
    return { from: from(sorted[0]), moments: sorted }
  })
}

/** What comes after a file comes only in a run that runs the file. */
function partOf({ place }: Message): string {
  return place === 'end' ? `file ${Object.keys(tenFiles).length}` : place.replace(/^after /, '')
}

/** How many files are applied when the moment comes. */
function from(moment: Moment | undefined): number {
  return Math.max(0, Math.ceil(moment === undefined ? 0 : rank(moment)) - 1)
}

/** The number of the file; what comes before the first one is less than 1. */
function rank({ message }: Moment): number {
  const part = partOf(message)
  return part.startsWith('file ') ? Number(part.slice(5)) : Number(part.at(-1)) / 10
}

/** Each moment in a pass of its own. */
function alone(moments: readonly Moment[]): Pass[] {
  return moments.map((moment) => ({ from: from(moment), moments: [moment] }))
}

/** All of these begin on the empty database. */
function fromStart(moments: readonly Moment[]): Pass[] {
  return moments.map((moment) => ({ from: 0, moments: [moment] }))
}

function shuffled<T>(all: readonly T[]): T[] {
  const weight = (one: T) =>
    createHash('sha256')
      .update(`${seed} ${JSON.stringify(one)}`)
      .digest()
      .readUInt32BE()
  return all.toSorted((a, b) => weight(a) - weight(b))
}

/** All of them on the default major, and on the others all that are different; else some that the seed chooses. */
function chosen(moments: readonly Moment[], count: number, major: Major): Moment[] {
  if (!full) return some(moments, count, major)
  return major === 17 ? [...moments] : unlikeTheLast(moments)
}

/** A part of them that the seed chooses, a fifth of that where the major is not the default one. */
function some<T>(all: readonly T[], count: number, major: Major): T[] {
  return full ? [...all] : shuffled(all).slice(0, major === 17 ? count : Math.ceil(count / 5))
}

describe.each(majors)('a run over ten files on PostgreSQL %i that is killed', (major) => {
  let place: Place
  let undisturbed: Undisturbed
  let waits: Wait[]

  beforeAll(async () => {
    place = { server: await startCrashServer(major), folder, files: tenFiles }
    undisturbed = await runUndisturbed(place)
    waits = await findWaits(place, undisturbed)
  })

  afterAll(() => place.server.stop())

  async function report(what: string, least: number, work: () => Promise<Tried>): Promise<void> {
    const start = performance.now()
    const { moments, problems } = await work()
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    process.stdout.write(`PostgreSQL ${major}: ${what} at ${moments} points in ${seconds} s (KEI_TEST_SEED=${seed})\n`)
    expect(problems).toEqual([])
    expect(moments).toBeGreaterThanOrEqual(least)
  }

  it('before each of its messages ends as if undisturbed when it is run again', { timeout }, () => {
    const passes = [
      ...fromStart(chosen(messagesOfStart(undisturbed).map(before), 5, major)),
      ...passesOf(chosen(momentsOfProgram(messagesOfFiles(undisturbed)), 20, major)),
    ]
    return report('kei killed', full ? 250 : 4, () => killProgram(place, undisturbed, passes, 3))
  })

  it('with its server, before and after each message, ends as if undisturbed', { timeout }, () => {
    const moments = chosen(momentsOfServer(messagesOfFiles(undisturbed)), 20, major)
    const passes = [
      ...fromStart(chosen(momentsOfServer(messagesOfStart(undisturbed)), 5, major)),
      // Many in one database save runs; each in its own saves crashes.
      ...(full ? passesOf(moments) : alone(moments)),
    ]
    return report('the server killed', full ? 250 : 4, () => killServer(place, undisturbed, passes, 25))
  })

  it('while a statement with CONCURRENTLY waits ends as if undisturbed', { timeout }, () => {
    const [waited, cancelled] = [some(waits, 5, major), some(waits.toReversed(), 5, major)]
    return report('kei killed within CONCURRENTLY', full ? 60 : 2, async () => {
      const one = await killParkedProgram(place, undisturbed, waited, 'wait', 3)
      const other = await killParkedProgram(place, undisturbed, cancelled, 'cancel', 3)
      return { moments: one.moments + other.moments, problems: [...one.problems, ...other.problems] }
    })
  })

  it('with its server, while a statement with CONCURRENTLY waits, ends as if undisturbed', { timeout }, () => {
    const part = some(waits, 5, major)
    return report('the server killed within CONCURRENTLY', full ? 30 : 1, () =>
      killServerOfParked(place, undisturbed, part, 8),
    )
  })
})
