import { KeiError } from '../errors.ts'
import { findInstallation } from '../postgres/shadow/installation.ts'

/** The server that a trace would run on, without starting it; `none` when there is none. */
export function serverIdentity(major: number): string {
  try {
    return JSON.stringify(findInstallation(major))
  } catch (error) {
    if (error instanceof KeiError) return 'none'
    throw error
  }
}
