import type { Reporter } from './reporter.ts'
import type { RuleDescription } from './rule-description.ts'

/** Every reporter by its name, loaded when asked for; the rules are described only to those that tell of them. */
export const reporters = {
  pretty: async () => (await import('./pretty.ts')).pretty,
  json: async () => (await import('./json.ts')).json,
  sarif: async (describeRules) => (await import('./sarif.ts')).sarif(await describeRules()),
  github: async () => (await import('./github.ts')).github,
  gitlab: async () => (await import('./gitlab.ts')).gitlab,
  junit: async () => (await import('./junit.ts')).junit,
  markdown: async () => (await import('./markdown.ts')).markdown,
} satisfies Record<string, (describeRules: () => Promise<readonly RuleDescription[]>) => Promise<Reporter>>
