import { dirname, relative, resolve, sep } from 'node:path'
import { usageError } from '../errors.ts'
import type { Project } from '../project/discover.ts'
import { readSource } from '../project/files.ts'

/**
 * The texts of `trace.setup`, whose paths are relative to kei.jsonc.
 * @throws KeiError `invalid-config` when one cannot be read.
 */
export function readSetup({ root, config }: Project): string[] {
  return config.trace.setup.map((path) => {
    const absolute = resolve(dirname(config.file ?? root), path)
    const reading = readSource(root, relative(root, absolute).split(sep).join('/'))
    if (reading.kind === 'text') return reading.file.text
    throw usageError({
      code: 'invalid-config',
      message: `trace.setup of kei.jsonc names ${path}, which ${reading.file.message}`,
      hint: 'Correct the path; it is relative to kei.jsonc.',
    })
  })
}
