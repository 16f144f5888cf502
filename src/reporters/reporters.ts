import type { Reporter } from './reporter.ts'

/** Every reporter by its name, loaded when asked for. */
export const reporters = {
  pretty: async () => (await import('./pretty.ts')).pretty,
  json: async () => (await import('./json.ts')).json,
} satisfies Record<string, () => Promise<Reporter>>
