import type { Database } from '../../findings/database.ts'

/** A setting of the server as the number that it shows; `fallback`, PostgreSQL's default, where it may not be read. */
export function numberSetting({ settings }: Database, name: string, fallback: number): number {
  const value = settings.settings.get(name)?.value
  const number = value === undefined ? NaN : Number.parseInt(value, 10)
  return Number.isNaN(number) ? fallback : number
}
