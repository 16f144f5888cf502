import type { HistorySubject } from '../subject.ts'

const known = new WeakMap<HistorySubject, boolean>()

/** Whether it is a folder's habit to have ways back: what is released shows it, else any file. */
export function hasWaysBack(history: HistorySubject): boolean {
  let has = known.get(history)
  if (has === undefined) {
    const released = history.migrations.filter((each) => each.released)
    const shown = released.length > 0 ? released : history.migrations
    has = shown.some(({ wayBack }) => wayBack === 'written' || wayBack === 'irreversible')
    known.set(history, has)
  }
  return has
}
