import type { Folder } from '../folder.ts'

/** Flyway's settings that decide how a script is sent. */
export interface FlywaySettings {
  /** Undefined: by the statements. */
  executeInTransaction?: boolean
  /** Whether statements that cannot be in a transaction may stand beside others. */
  mixed: boolean
  placeholderReplacement: boolean
}

/** Folders above the migrations in which a configuration of Flyway's is looked for. */
const levels = 6

/**
 * What the nearest `flyway.toml` or `flyway.conf` in or above the folder says; settings that an application hands to
 * Flyway are not seen. Flyway's defaults for the rest.
 */
export function findFlywaySettings(folder: Folder): FlywaySettings {
  const found = nearestSettings(folder)
  return {
    // Where it is on, as by default, the statements decide.
    ...(found['executeInTransaction'] === false && { executeInTransaction: false }),
    mixed: found['mixed'] ?? false,
    placeholderReplacement: found['placeholderReplacement'] ?? true,
  }
}

function nearestSettings(folder: Folder): Record<string, boolean> {
  let above: Folder | undefined = folder
  for (let level = 0; level < levels && above !== undefined; level++) {
    const name: string | undefined = ['flyway.toml', 'flyway.conf'].find((file) => above?.files.includes(file))
    if (name !== undefined) return readSettings(above, name)
    above = above.path === '.' ? undefined : above.open('..')
  }
  return {}
}

/** The settings of one script, in the `.conf` file of its name. */
export function readScriptSettings(
  folder: Folder,
  name: string,
): Partial<Pick<FlywaySettings, 'executeInTransaction' | 'placeholderReplacement'>> {
  if (!folder.has(name)) return {}
  const { executeInTransaction, placeholderReplacement } = readSettings(folder, name)
  return {
    ...(executeInTransaction !== undefined && { executeInTransaction }),
    ...(placeholderReplacement !== undefined && { placeholderReplacement }),
  }
}

/** Lines `key=value` or, in TOML, `key = value`, whatever table they stand in; only true and false are taken. */
function readSettings(folder: Folder, name: string): Record<string, boolean> {
  const reading = folder.read(name)
  if (reading.kind === 'unreadable') return {}
  const lines = reading.file.text.matchAll(/^[ \t]*(?:flyway\.)?(\w+)[ \t]*=[ \t]*"?(true|false)\b/gm)
  return Object.fromEntries([...lines].map(([, key = '', value]) => [key, value === 'true']))
}
