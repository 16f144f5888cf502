import type { Finding } from '../findings/finding.ts'
import type { FileLocation, Location } from '../findings/location.ts'
import type { CheckReport } from '../findings/report.ts'

/**
 * Where in the repository a finding is shown. Code scanning and code quality refuse a report that has anything without
 * a path, so what stands in no file is shown at a related file, else at the folder that was checked.
 */
export type RepositoryPlace = FileLocation | { kind: 'folder'; path: string }

/** The place of a finding, or of one that was ignored. */
export function repositoryPlace(
  { location, related = [] }: { location: Location; related?: Finding['related'] },
  report: CheckReport,
): RepositoryPlace {
  const inFile = [location, ...related.map((each) => each.location)].find((each) => each.kind === 'file')
  return inFile ?? { kind: 'folder', path: report.folders[0]?.path ?? '.' }
}
