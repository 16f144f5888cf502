/** The path of a migration in its parts: what is before the version, and what is behind it. */
export interface NumberedPath {
  /** Of the folder of migrations, with a `/` behind it; empty for the repository itself. */
  folder: string
  /** Flyway's letter before the version. */
  kind: string
  version: string
  /** From the `_` on; with the file's name where the version is that of a folder. */
  rest: string
}

/** Takes a migration's path apart; undefined when it has no version: in a file's name, or in the folder of Prisma's. */
export function splitNumbered(path: string): NumberedPath | undefined {
  const match = /^(.*\/)?([VU]?)((?:\d+\.)*\d+)(_[^/]*(?:\/migration\.sql)?)$/.exec(path)
  if (match === null) return undefined
  const [, folder = '', kind = '', version = '', rest = ''] = match
  return { folder, kind, version, rest }
}
