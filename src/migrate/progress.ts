import type { Client } from 'pg'
import { readWait } from './blockers.ts'
import type { Wait } from './blockers.ts'
import type { StatementProgress } from './event.ts'

/** One row of a progress view; the columns differ between majors, so all are optional. */
export interface ProgressRow {
  view: 'create_index' | 'cluster' | 'vacuum' | 'copy'
  columns: Record<string, string | number | null>
}

/** How far a statement is within its phase. */
export interface PhaseProgress {
  phase: string
  /** Units of the phase: blocks, rows, bytes, sessions. Absent where the phase has no total. */
  done?: number
  total?: number
  /** It waits for other sessions. */
  waits: boolean
}

/**
 * What a row of a progress view says, on every major.
 * Source: PostgreSQL manual, "Progress Reporting".
 */
export function phaseProgress({ view, columns }: ProgressRow): PhaseProgress {
  const column = (name: string) => Number(columns[name] ?? 0)
  const phase = String(columns['phase'] ?? (view === 'copy' ? 'copying' : 'initializing'))
  const waits = phase.startsWith('waiting for ')
  const of = (done: number, total: number): PhaseProgress =>
    total > 0 ? { phase, done: Math.min(done, total), total, waits } : { phase, waits }
  switch (view) {
    case 'create_index':
      if (waits) return of(column('lockers_done'), column('lockers_total'))
      if (!phase.includes('scanning') && column('tuples_total') > 0)
        return of(column('tuples_done'), column('tuples_total'))
      return of(column('blocks_done'), column('blocks_total'))
    case 'cluster':
      return phase === 'seq scanning heap'
        ? of(column('heap_blks_scanned'), column('heap_blks_total'))
        : { phase, waits }
    case 'vacuum':
      if (phase === 'scanning heap') return of(column('heap_blks_scanned'), column('heap_blks_total'))
      if (phase === 'vacuuming heap') return of(column('heap_blks_vacuumed'), column('heap_blks_total'))
      // Counted from 17 on.
      if (phase.endsWith(' indexes')) return of(column('indexes_processed'), column('indexes_total'))
      return { phase, waits }
    case 'copy':
      return of(column('bytes_processed'), column('bytes_total'))
  }
}

/** A phase as it was seen first: where its pace is measured from. */
export interface PhaseStart {
  phase: string
  done: number
  /** Milliseconds, of any steady clock. */
  at: number
}

/** With the percentage, and the seconds left at the pace since `start`; sessions waited for have no pace. */
export function statementProgress(now: PhaseProgress, at: number, start: PhaseStart): StatementProgress {
  const { phase, done, total, waits } = now
  if (done === undefined || total === undefined) return { phase }
  const percent = Math.floor((1000 * done) / total) / 10
  const advanced = done - start.done
  if (waits || advanced <= 0 || at <= start.at) return { phase, percent }
  return { phase, percent, secondsLeft: Math.ceil(((total - done) * (at - start.at)) / advanced / 1000) }
}

const views = ['create_index', 'cluster', 'vacuum', 'copy'] as const
const query = views
  .map(
    (view) =>
      `SELECT '${view}' AS view, pg_catalog.to_jsonb(p) AS columns FROM pg_catalog.pg_stat_progress_${view} p WHERE p.pid = $1`,
  )
  .join(' UNION ALL ')

/** Milliseconds between two looks; the first comes after as long, so that a short statement costs nothing. */
const interval = 1000

/** A watch over a running statement. */
export interface Watch {
  /** Nothing is reported afterwards, also of a look that is under way. */
  stop(): void
}

/**
 * Looks once a second how far the statement of process `pid` is, in autocommit on a session that is not its own.
 * A look that fails is left out: the statement itself is not harmed by it.
 * @param onProgress is told when anything has changed.
 * @param onBlocked is told of the sessions that a statement without a progress view waits for, when they have changed.
 */
export function watchProgress(
  control: Client,
  pid: number,
  onProgress: (progress: StatementProgress) => void,
  onBlocked: (wait: Wait) => void = () => undefined,
): Watch {
  let start: PhaseStart | undefined
  let last = ''
  let stopped = false

  const tell = <T>(value: T, listener: (value: T) => void, key: string) => {
    if (stopped || key === last) return
    last = key
    listener(value)
  }

  const look = async () => {
    const { rows } = await control.query<ProgressRow>(query, [pid])
    const [row] = rows
    const now = row && phaseProgress(row)
    const wait = now === undefined || now.waits ? await readWait(control, pid) : undefined
    const blockers = wait?.blockers ?? []
    const pids = blockers.map((blocker) => blocker.pid).join()
    if (now === undefined) {
      if (wait !== undefined && blockers.length > 0) tell(wait, onBlocked, pids)
      return
    }
    const at = performance.now()
    if (start?.phase !== now.phase || (now.done ?? 0) < start.done)
      start = { phase: now.phase, done: now.done ?? 0, at }
    const progress = statementProgress(now, at, start)
    const whole = blockers.length > 0 ? { ...progress, waitingFor: blockers } : progress
    tell(whole, onProgress, `${progress.phase} ${progress.percent} ${pids}`)
  }

  const next = () =>
    setTimeout(() => {
      void look()
        .catch(() => undefined)
        .finally(() => {
          if (!stopped) timer = next()
        })
    }, interval)
  let timer = next()
  return {
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
