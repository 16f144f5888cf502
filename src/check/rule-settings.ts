import type { RuleSetting } from '../config/config.ts'
import { nearest } from '../findings/nearest.ts'
import { usageError } from '../errors.ts'
import type { Severity } from '../findings/finding.ts'
import type { Rule, RuleOptions } from '../rules/rule.ts'

/** A rule as it is to run: its severity and options after kei.jsonc. */
export interface EnabledRule {
  rule: Rule
  severity: Severity
  options: RuleOptions
}

/**
 * The rules that are on, with their options.
 * @throws KeiError `invalid-config` for an unknown rule, an unknown option or an option of the wrong type.
 */
export function enableRules(rules: readonly Rule[], settings: Readonly<Record<string, RuleSetting>>): EnabledRule[] {
  for (const id of Object.keys(settings)) {
    if (!rules.some((rule) => rule.id === id)) {
      const meant = nearest(
        id,
        rules.map((rule) => rule.id),
      )
      throw usageError({
        code: 'invalid-config',
        message: `kei.jsonc sets the rule ${JSON.stringify(id)}, which does not exist`,
        hint: meant === undefined ? 'Run `kei rules` for the list.' : `Did you mean ${meant}? \`kei rules\` lists all.`,
      })
    }
  }
  return rules.flatMap((rule) => {
    const setting = settings[rule.id]
    const defaults = Object.fromEntries(Object.entries(rule.options).map(([name, option]) => [name, option.default]))
    if (setting === undefined) return [{ rule, severity: rule.severity, options: defaults }]
    if (setting === 'off') return []
    if (typeof setting === 'string') return [{ rule, severity: setting, options: defaults }]
    const { severity = rule.severity, ...options } = setting
    if (severity === 'off') return []
    for (const [name, value] of Object.entries(options)) {
      const known = rule.options[name]
      if (known === undefined || typeof value !== typeof known.default) {
        throw usageError({
          code: 'invalid-config',
          message:
            known === undefined
              ? `kei.jsonc gives ${rule.id} an option ${JSON.stringify(name)} that it does not have`
              : `kei.jsonc gives ${rule.id} a ${typeof value} for ${name}; it takes a ${typeof known.default}`,
          hint: `Run \`kei rule ${rule.id}\` for its options.`,
        })
      }
    }
    return [{ rule, severity: severity as Severity, options: { ...defaults, ...(options as RuleOptions) } }]
  })
}
