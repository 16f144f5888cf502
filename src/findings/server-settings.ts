import type { SettingLocation } from './location.ts'
import type { TextPlace } from './text-place.ts'

/** What a server is told: by a postgresql.conf of the repository with all that it includes, or as a running one has it. */
export interface ServerSettings {
  /** `server`: every setting has a value, the defaults too. `file`: only what is written. */
  from: 'file' | 'server'
  /** By name in lower case; of one that is written twice the last, as for the server. */
  settings: ReadonlyMap<string, ServerSetting>
  /** What is written but comes to nothing, because the same name is written again later; in order. */
  overridden: readonly ServerSetting[]
  /** What the server refuses. With one of them in its files it does not start, and a reload changes nothing. */
  faults: readonly SettingsFault[]
  /** What could not be read and may set anything. */
  unread: readonly UnreadSettings[]
  /** Names in lower case that ALTER ROLE or ALTER DATABASE sets for some sessions; none for files. */
  ownValues: ReadonlySet<string>
}

export interface ServerSetting {
  /** As written. */
  name: string
  /** As written, without quotes. For a running server `pg_settings.setting`, which counts the parameter's own unit. */
  value: string
  at: TextPlace | SettingLocation
  /** What else a running server says of it, in words: `pending restart`. */
  facts?: Record<string, string>
}

export interface SettingsFault {
  at: TextPlace | SettingLocation
  /** A clause that begins in lower case, without a full stop. */
  message: string
}

export interface UnreadSettings {
  at: TextPlace
  /** In words that follow "needs": `/etc/postgresql/extra.conf, which is outside the repository`. */
  needs: string
}
