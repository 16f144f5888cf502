/**
 * Where a finding is. Lines and columns are 1-based; columns count UTF-16 code units, as editors and
 * the Language Server Protocol do. The end is exclusive.
 */
export type Location = FileLocation | ObjectLocation | SettingLocation

export interface FileLocation {
  kind: 'file'
  /** Relative to the checked repository, with `/` as separator. */
  file: string
  line: number
  column: number
  endLine: number
  endColumn: number
}

export interface ObjectLocation {
  kind: 'object'
  /** Qualified and quoted as PostgreSQL prints it. */
  name: string
  objectType: string
}

export interface SettingLocation {
  kind: 'setting'
  name: string
}

/** A location as people and editors write it: `file:line:column`, or the object's or setting's name. */
export function formatLocation(location: Location): string {
  switch (location.kind) {
    case 'file':
      return `${location.file}:${location.line}:${location.column}`
    case 'object':
      return `${location.objectType} ${location.name}`
    case 'setting':
      return location.name
  }
}

/** Order of report: by file, then line, then column; objects and settings after files. */
export function compareLocations(a: Location, b: Location): number {
  if (a.kind === 'file' && b.kind === 'file') {
    if (a.file !== b.file) return a.file < b.file ? -1 : 1
    return a.line - b.line || a.column - b.column
  }
  if (a.kind !== b.kind) return a.kind === 'file' ? -1 : b.kind === 'file' ? 1 : a.kind < b.kind ? -1 : 1
  const nameA = formatLocation(a)
  const nameB = formatLocation(b)
  return nameA < nameB ? -1 : nameA > nameB ? 1 : 0
}
