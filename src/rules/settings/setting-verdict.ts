import type { Evidence } from '../../findings/evidence.ts'
import type { Severity } from '../../findings/finding.ts'
import type { ServerSetting, ServerSettings } from '../../findings/server-settings.ts'
import type { Verdict } from '../rule.ts'

export interface SettingRemark {
  message: string
  next: string
  /** Default: the rule's own. */
  severity?: Severity
  /** Other settings that it follows from. */
  with?: readonly (ServerSetting | undefined)[]
}

/**
 * A finding at a setting. The same setting in a file of the repository and on the running server is one finding with
 * two pieces of evidence.
 */
export function settingVerdict(
  { from }: Pick<ServerSettings, 'from'>,
  setting: ServerSetting,
  { message, next, severity, with: others = [] }: SettingRemark,
): Verdict {
  const all = [setting, ...others.filter((each) => each !== undefined)]
  return {
    kind: 'finding',
    message,
    at: setting.at,
    evidence: [evidenceOf(from, all)],
    next,
    identity: setting.name.toLowerCase(),
    object: `setting ${setting.name.toLowerCase()}`,
    ...(severity !== undefined && { severity }),
  }
}

function evidenceOf(from: ServerSettings['from'], settings: readonly ServerSetting[]): Evidence {
  if (from === 'file') {
    return { kind: 'source', text: settings.map(({ name, value }) => `${name} = ${value}`).join(', ') }
  }
  const facts = settings.flatMap(({ name, value, facts: others = {} }) => [
    [name, value],
    ...Object.entries(others).map(([key, each]) => [`${name}, ${key}`, each]),
  ])
  return { kind: 'catalog', facts: Object.fromEntries(facts) as Record<string, string> }
}
