import type { ServerSetting, ServerSettings } from '../../findings/server-settings.ts'
import { readValue, sizeOfUnit } from './parameter-value.ts'
import type { ParameterValue } from './parameter-value.ts'
import { findParameter } from './parameters.ts'

/** What a parameter comes to, and the line or setting that makes it so. */
export interface EffectiveSetting {
  /** Undefined: it is the default, or nothing shows it. */
  setting?: ServerSetting
  /** A size in bytes, a time in milliseconds. Undefined where it cannot be known, or the server refuses it. */
  value?: ParameterValue
}

/** A parameter as the server takes it. What a file does not set has its default, unless something was not read. */
export function effective(settings: ServerSettings, name: string, major: number): EffectiveSetting {
  const parameter = findParameter(name, major)
  if (typeof parameter !== 'object') return {}
  const setting = settings.settings.get(name)
  if (setting === undefined && (settings.from === 'server' || settings.unread.length > 0)) return {}
  const reading = readValue(parameter, setting?.value ?? parameter.boot ?? '')
  if (!('value' in reading)) return setting === undefined ? {} : { setting }
  const { value } = reading
  const counted = typeof value === 'number' ? value * sizeOfUnit(parameter.unit) : value
  return { ...(setting !== undefined && { setting }), value: counted }
}

/** The setting that gives a switch this position, when something sets it so. */
export function switchedTo(
  settings: ServerSettings,
  name: string,
  position: boolean,
  major: number,
): ServerSetting | undefined {
  const { setting, value } = effective(settings, name, major)
  return value === position ? setting : undefined
}
