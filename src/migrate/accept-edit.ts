import { failure } from '../errors.ts'
import { redactSql } from '../sql/redact.ts'
import { canonicalVersion } from './fold.ts'
import { checkReason, migrationOfVersion, record } from './record.ts'
import type { RunRequest } from './run-request.ts'

export interface AcceptedEdit {
  version: string
  name: string
  /** Checksums: of what was applied or accepted before, and of the file now. */
  before: string
  now: string
}

/**
 * Accepts that a file was changed after it was applied: the history gets a row with the new checksum and text, the
 * reason and who. Nothing is run.
 * @throws KeiError `version-not-found`, `reason-missing`, `nothing-to-accept`, and those of `record`
 */
export async function acceptEdit(request: RunRequest & { version: string; reason: string }): Promise<AcceptedEdit> {
  const { version, name, up } = migrationOfVersion(request.migrations, request.version)
  const reason = checkReason(request.reason)
  return record(request, 'migrate accept-edit', ({ states }) => {
    const applied = states.get(canonicalVersion(version))
    if (applied?.state !== 'applied') {
      throw failure({
        code: 'nothing-to-accept',
        message: `${up.file} is not applied here${applied?.state.startsWith('partly') === true ? ' as a whole' : ''}, so there is no edit to accept.`,
        hint:
          applied?.state.startsWith('partly') === true
            ? '`kei migrate up` goes on with it.'
            : '`kei migrate up` applies the file as it is now.',
      })
    }
    if (applied.checksum === up.checksum) {
      throw failure({
        code: 'nothing-to-accept',
        message: `${up.file} is what was applied; comments and white space do not count.`,
        hint: '`kei migrate verify` compares all files.',
      })
    }
    return {
      rows: [
        {
          event: 'edit',
          direction: 'up',
          version,
          name,
          first: 0,
          last: 0,
          hashes: [],
          complete: true,
          checksum: up.checksum,
          milliseconds: 0,
          reason,
          text: redactSql(up.text),
        },
      ],
      result: { version, name, before: applied.checksum, now: up.checksum },
    }
  })
}
