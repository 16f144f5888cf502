import { formatLocation } from '../findings/location.ts'
import type { CheckReport } from '../findings/report.ts'
import { cutTo } from './cut-to.ts'
import { notRun } from './not-run.ts'
import { count } from './summary-text.ts'

/** What a report tells besides its findings, in few words. */
export interface Aside {
  title: string
  /** Someone else's text, not yet safe to print; one may have lines. The last says how many were left out. */
  items: string[]
}

const shownItems = 20
const longestItem = 500

/** What was not run, what could not be decided, the notices and the acknowledgements, where there are any. */
export function asidesOf(report: CheckReport): Aside[] {
  const asides = [
    {
      title: 'Not run on the shadow server, so judged by its text alone',
      items: notRun(report).map(({ file, line, cause, followers }) => {
        const place = `${file}:${line}`
        if (cause === undefined) return `${count(followers, 'statement')} did not run because of ${place}`
        const after = followers === 0 ? '' : ` (${count(followers, 'statement')} did not run because of it)`
        return `${place}: ${cause}${after}`
      }),
    },
    { title: 'Could not be decided', items: report.unknown.map((each) => `${each.rule}: ${undecidedText(each)}`) },
    { title: 'To be known', items: report.notices },
    {
      title: 'Acknowledged',
      items: report.ignored
        .filter(({ destructive }) => destructive === true)
        .map(({ message, reason, location }) => `${message} – ${reason} (${formatLocation(location)})`),
    },
  ]
  return asides.filter(({ items }) => items.length > 0).map(({ title, items }) => ({ title, items: few(items) }))
}

/** `2 places need a trace`. */
export function undecidedText(unknown: CheckReport['unknown'][number]): string {
  return `${count(unknown.count, 'place')} ${unknown.count === 1 ? 'needs' : 'need'} ${unknown.needs}`
}

function few(items: readonly string[]): string[] {
  const shown = items.slice(0, shownItems).map((item) => cutTo(item, longestItem))
  return items.length > shownItems ? [...shown, `and ${items.length - shownItems} more`] : shown
}
