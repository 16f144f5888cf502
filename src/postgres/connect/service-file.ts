import { usageError } from '../../errors.ts'
import { keywords } from './keywords.ts'

/**
 * The values of one service in the text of a service file, by keyword; undefined when the file does not name it. As
 * libpq reads it: the first section of that name, the first line of a keyword, no spaces around `=`.
 * Source: PostgreSQL manual, "The Connection Service File".
 * @throws KeiError `invalid-service-file`
 */
export function readService(text: string, service: string, file: string): Map<string, string> | undefined {
  let values: Map<string, string> | undefined
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith('[')) {
      if (values !== undefined) break
      if (line.startsWith(`[${service}]`)) values = new Map()
      continue
    }
    if (values === undefined) continue
    const equals = line.indexOf('=')
    const keyword = line.slice(0, Math.max(equals, 0))
    const isNested = keyword === 'service' || keyword === 'servicefile'
    if (!Object.hasOwn(keywords, keyword) || isNested) throw invalid(file, index + 1, isNested)
    if (!values.has(keyword)) values.set(keyword, line.slice(equals + 1))
  }
  return values
}

function invalid(file: string, line: number, isNested: boolean): Error {
  return usageError({
    code: 'invalid-service-file',
    message: isNested
      ? `${file}:${line}: a service cannot name another service.`
      : `${file}:${line}: this is not keyword=value with a keyword that PostgreSQL knows.`,
    hint: 'Write one keyword=value on each line, without spaces around =.',
  })
}
