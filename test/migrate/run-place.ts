/** A message by which a runner has the server run a statement: Query, or Execute in a pipeline. */
export interface Message {
  /**
   * What of the run it belongs to: the start of its first or second session, one of the files by its number, what comes
   * after that file, the end, or what a clock decides (`aside`).
   */
  place: string
  /** Among those of the place, from 1. */
  number: number
  /** The statement. */
  text: string
  /** The runner waits for its answer; else the next message of the pipeline is right behind it. */
  awaited: boolean
}

/** How far the history is when a run begins. */
export interface RunPlace {
  /** How many files are whole. */
  applied: number
  files: number
}

/**
 * Tells for each message of a run, in the order in which they are sent, where it belongs. A file ends with the row in
 * the history that says that it is whole, so that the numbers are the same whether the run began with this file, came
 * from the one before, or had to finish that one first.
 */
export function readingOf({
  applied,
  files,
}: RunPlace): (session: number, text: string, parameters: readonly (string | null)[]) => Message {
  let whole = applied
  let isComplete = false
  // Within a file, which begins with a BEGIN or, where it is resumed, with what it had set.
  let working = false
  let hasWorked = false
  const counts = new Map<string, number>()

  function placeOf(session: number, text: string): string {
    if (session > 2) return 'aside'
    if (session === 2) working ||= /^(?:BEGIN|SET)\b/.test(text)
    if (session === 2 && working) return `file ${whole + 1}`
    if (!hasWorked && !working) return `start of session ${session}`
    if (session === 2) return `after file ${whole}`
    return whole === files ? 'end' : 'aside'
  }

  return (session, text, parameters) => {
    const place = placeOf(session, text)
    const number = (counts.get(place) ?? 0) + 1
    counts.set(place, number)
    if (session === 2) {
      const [event, , , , , , , complete] = parameters
      if (text.startsWith('INSERT INTO "kei".history')) isComplete = event === 'ran' && complete === 'true'
      if (isComplete && text === 'COMMIT') {
        whole += 1
        isComplete = false
        working = false
        hasWorked = true
      }
    }
    return { place, number, text, awaited: false }
  }
}
