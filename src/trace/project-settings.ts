import { realpathSync } from 'node:fs'
import { dirname, relative, resolve, sep } from 'node:path'
import { cacheFolder } from '../config/cache-folder.ts'
import { isWithin } from '../config/within.ts'
import { usageError } from '../errors.ts'
import type { Project } from '../project/discover.ts'
import { readSource } from '../project/files.ts'
import type { TraceRequest } from './trace-request.ts'

/**
 * The part of a trace's request that the project's configuration decides.
 * @throws KeiError as `readSetup`
 */
export function configuredTrace(
  project: Pick<Project, 'root' | 'config'>,
): Pick<TraceRequest, 'project' | 'cacheFolder' | 'setup' | 'timeZone' | 'searchPath' | 'limits'> {
  const { timeZone, searchPath, statementTimeout, maxSize } = project.config.trace
  return {
    project: project.root,
    cacheFolder: cacheFolder(),
    setup: readSetup(project),
    ...(timeZone !== undefined && { timeZone }),
    ...(searchPath !== undefined && { searchPath }),
    limits: { time: statementTimeout * 1000, databaseSize: maxSize * 1024 * 1024 },
  }
}

/**
 * The texts of `trace.setup`, whose paths are relative to kei.jsonc.
 * @throws KeiError `invalid-config` when one cannot be read.
 */
export function readSetup({ root, config }: Pick<Project, 'root' | 'config'>): string[] {
  return config.trace.setup.map((path) => {
    const absolute = resolve(dirname(config.file ?? root), path)
    const real = realPath(absolute)
    if (!isWithin(root, real)) throw refused(path, 'lies outside the repository')
    const reading = readSource(root, relative(root, real).split(sep).join('/'))
    if (reading.kind === 'text') return reading.file.text
    throw refused(path, `cannot be used. ${reading.file.message}`)
  })
}

/** The path itself when there is nothing: reading it then says so. */
function realPath(absolute: string): string {
  try {
    return realpathSync(absolute)
  } catch {
    return absolute
  }
}

function refused(path: string, reason: string): Error {
  return usageError({
    code: 'invalid-config',
    message: `trace.setup of kei.jsonc names ${path}, which ${reason}`,
    hint: 'Name a file of the repository; the path is relative to kei.jsonc.',
  })
}
