import type { Site } from '../sql/schema-text.ts'
import type { Place } from './rule.ts'
import type { StatementSubject } from './subject.ts'

/** The place of a declaration. */
export function placeOfSite(site: Site): Place {
  return { file: site.file, text: site.fileText, span: site.span }
}

/** The place of a whole statement. */
export function placeOfStatement({ statement, migration }: StatementSubject): Place {
  return { file: migration.file, text: migration.text, span: { start: statement.start, end: statement.end } }
}
