import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { clusterPlaces } from './cluster.ts'

/** What a watchdog leaves in its cluster's folder, so that users find it. */
export interface WatchdogState {
  pid: number
  /** kei's own folder of the pair that holds the sockets. */
  socketFolder: string
}

/** Undefined when no watchdog has said anything, or a power cut left half of it. */
export function readWatchdogState(clusterFolder: string): WatchdogState | undefined {
  try {
    return JSON.parse(readFileSync(clusterPlaces(clusterFolder).watchdogState, 'utf8')) as WatchdogState
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export function writeWatchdogState(clusterFolder: string, state: WatchdogState): void {
  const path = clusterPlaces(clusterFolder).watchdogState
  writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

export function removeWatchdogState(clusterFolder: string): void {
  rmSync(clusterPlaces(clusterFolder).watchdogState, { force: true })
}
