import type { Site } from '../sql/schema-text.ts'
import type { MigrationSubject, StatementSubject } from './subject.ts'

/** Asked for once or more for each finding, of histories with thousands of files. */
const known = new WeakMap<readonly MigrationSubject[], ReadonlyMap<string, MigrationSubject>>()

/** The file's own statement at a site: for one in code the statement around it. */
export function statementOfSite(
  migrations: readonly MigrationSubject[],
  { file, statement }: Pick<Site, 'file' | 'statement'>,
): StatementSubject | undefined {
  let byFile = known.get(migrations)
  if (byFile === undefined) known.set(migrations, (byFile = new Map(migrations.map((each) => [each.file, each]))))
  return byFile.get(file)?.statements[statement]
}
