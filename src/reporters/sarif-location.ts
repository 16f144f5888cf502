import type { FileLocation, Location } from '../findings/location.ts'
import type { RepositoryPlace } from './repository-place.ts'

/** What the log calls the repository's root. */
export const rootId = 'SRCROOT'

/** A region of a text: 1-based, UTF-16 code units, end exclusive. */
export interface Region {
  startLine: number
  startColumn?: number
  endLine?: number
  endColumn?: number
}

/** An artifactLocation relative to the repository's root. */
export function artifact(path: string): { uri: string; uriBaseId: string } {
  return { uri: encodePath(path), uriBaseId: rootId }
}

/** A location in a file, or of all of it. */
export function fileLocation(file: string, region: Region | undefined) {
  return { physicalLocation: { artifactLocation: artifact(file), region } }
}

/** A location as a log has it; what stands in no file is named beside the place where it is shown. */
export function locationOf(location: Location, place: RepositoryPlace) {
  const physical = place.kind === 'file' ? fileLocation(place.file, regionOf(place)) : folderLocation(place.path)
  return { ...physical, logicalLocations: logicalLocations(location) }
}

/** A related location: unlike that of a result it needs no file. */
export function relatedLocationOf(location: Location) {
  return location.kind === 'file'
    ? fileLocation(location.file, regionOf(location))
    : { logicalLocations: logicalLocations(location) }
}

function regionOf({ line, column, endLine, endColumn }: FileLocation): Region {
  return { startLine: line, startColumn: column, endLine, endColumn }
}

function folderLocation(path: string) {
  return { physicalLocation: { artifactLocation: artifact(`${path.replace(/\/$/, '')}/`) } }
}

function logicalLocations(location: Location) {
  switch (location.kind) {
    case 'file':
      return undefined
    case 'object':
      return [{ fullyQualifiedName: location.name, kind: location.objectType }]
    case 'setting':
      return [{ fullyQualifiedName: location.name, kind: 'setting' }]
  }
}

/** Each segment percent-encoded. Source: RFC 3986, section 3.3. A lone surrogate has no encoding. */
function encodePath(path: string): string {
  return path
    .replace(/\p{Cs}/gu, '\ufffd')
    .split('/')
    .map((segment) => encodeURIComponent(segment))
    .join('/')
}
