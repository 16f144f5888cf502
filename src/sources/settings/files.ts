import { Buffer } from 'node:buffer'
import { dirname, isAbsolute, normalize } from 'node:path/posix'
import type { ServerSetting, ServerSettings, SettingsFault, UnreadSettings } from '../../findings/server-settings.ts'
import type { TextPlace } from '../../findings/text-place.ts'
import { readSource } from '../../project/files.ts'
import { joinPath, openFolder } from '../../project/folder.ts'
import { readSettingLines } from './lines.ts'
import type { SettingLine, SyntaxFault } from './lines.ts'

/** Files that include each other deeper than the server follows them. */
const maxDepth = 10
/** Files read for one server: those that include each other several times would be read without end. */
const maxInclusions = 1_000

/** A value or line that a template engine fills in before the server sees the file. */
const template = /^(?:\$\{[^}]*\}|\{\{.*\}\}|<%.*%>)\w*$/
const templateMark = /\$\{|\{\{|\{%|<%/

/** Whether a file of this name is a server's main one. postgresql.auto.conf belongs to the one beside it. */
export function isSettingsFile(name: string): boolean {
  return /^postgresql(?:[-_.].+)?\.conf$/.test(name)
}

/**
 * The settings of each server that `paths` (those of `isSettingsFile`) are for: a file that another one includes
 * belongs to that, and so does a postgresql.auto.conf to the postgresql.conf beside it. `root` is the repository's
 * real path. `texts` gets every file that was read.
 */
export function readSettingsFiles(
  root: string,
  paths: readonly string[],
  texts: Map<string, string>,
): ServerSettings[] {
  const known = new Set(paths)
  const readings = paths
    .filter((path) => !(isAutomatic(path) && known.has(joinPath(dirname(path), 'postgresql.conf'))))
    .map((path) => ({ path, ...readServer(root, path, known, texts) }))
  // Of files that include each other the first stands for all.
  const isPart = (one: (typeof readings)[number], place: number) =>
    readings.some(
      (other, otherPlace) =>
        other !== one && other.included.has(one.path) && (otherPlace < place || !one.included.has(other.path)),
    )
  return readings.filter((one, place) => !isPart(one, place)).map(({ settings }) => settings)
}

function isAutomatic(path: string): boolean {
  return path === 'postgresql.auto.conf' || path.endsWith('/postgresql.auto.conf')
}

function readServer(
  root: string,
  path: string,
  known: ReadonlySet<string>,
  texts: Map<string, string>,
): { settings: ServerSettings; included: ReadonlySet<string> } {
  const written: ServerSetting[] = []
  const faults: SettingsFault[] = []
  const unread: UnreadSettings[] = []
  const included = new Set<string>()
  let inclusions = 0

  function readFile(file: string, depth: number, includedAt?: TextPlace): void {
    const reading = readSource(root, file)
    if (reading.kind === 'unreadable') {
      const { code, message } = reading.file
      const why =
        code === 'not-found' ? `${file}, which the repository does not have` : `${file}: ${lowerFirst(message)}`
      unread.push({ at: includedAt ?? { file, text: '', span: { start: 0, end: 0 } }, needs: why })
      return
    }
    const { text, normalised } = reading.file
    texts.set(file, text)
    const place = (span: TextPlace['span']): TextPlace => ({ file, text, span })
    if (normalised.byteOrderMark) {
      faults.push({ at: place({ start: 0, end: 0 }), message: 'the byte order mark becomes part of the first word' })
    }
    for (const each of readSettingLines(text)) {
      if (each.kind === 'fault') noteFault(each.fault, place(each.fault.span))
      else readSetting(each.line, place(each.line.span), depth)
    }
  }

  function noteFault({ token, line }: SyntaxFault, at: TextPlace): void {
    if (templateMark.test(line)) unread.push({ at, needs: 'what a template fills in' })
    else if (token === '') faults.push({ at, message: 'a value is missing' })
    else faults.push({ at, message: `syntax error at ${JSON.stringify(token)}` })
  }

  function readSetting({ name, value }: SettingLine, at: TextPlace, depth: number): void {
    switch (lowerCase(name)) {
      case 'include':
      case 'include_if_exists':
        return readIncluded(value, at, depth + 1)
      case 'include_dir':
        return readFolder(value, at, depth + 1)
    }
    if (template.test(value)) unread.push({ at, needs: 'what a template fills in' })
    else written.push({ name, value, at })
  }

  function readIncluded(value: string, at: TextPlace, depth: number): void {
    const path = pathOf('file', value, at)
    if (path !== undefined) include(path, at, depth)
  }

  function readFolder(value: string, at: TextPlace, depth: number): void {
    const path = pathOf('folder', value, at)
    if (path === undefined) return
    const folder = openFolder(root, path)
    if (folder === undefined) return void unread.push({ at, needs: `${path}/, which the repository does not have` })
    const names = folder.files.filter((name) => /^[^.].*\.conf$/s.test(name))
    for (const name of names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
      include(joinPath(path, name), at, depth)
    }
  }

  /** A path as an include means it, relative to the repository. */
  function pathOf(what: string, value: string, at: TextPlace): string | undefined {
    if (value.trim() === '') {
      faults.push({ at, message: `the name of the ${what} is empty` })
      return undefined
    }
    const path = normalize(joinPath(dirname(at.file), value)).replace(/(.)\/$/, '$1')
    if (!isAbsolute(value) && path !== '..' && !path.startsWith('../')) return path
    unread.push({ at, needs: `${value}, which is outside the repository` })
    return undefined
  }

  function include(path: string, at: TextPlace, depth: number): void {
    if (depth > maxDepth)
      return void faults.push({ at, message: `files include each other more than ${maxDepth} deep` })
    if (path === at.file) return void faults.push({ at, message: 'the file includes itself' })
    if (++inclusions > maxInclusions)
      return void unread.push({ at, needs: `more than ${maxInclusions} included files` })
    included.add(path)
    readFile(path, depth, at)
  }

  readFile(path, 0)
  const automatic = joinPath(dirname(path), 'postgresql.auto.conf')
  if (path !== automatic && path.endsWith('postgresql.conf') && known.has(automatic)) readFile(automatic, 0)
  return {
    settings: {
      ...settle(written),
      from: 'file',
      faults: eachOnce(faults),
      unread: eachOnce(unread),
      ownValues: new Set(),
    },
    included,
  }
}

function settle(written: readonly ServerSetting[]): Pick<ServerSettings, 'settings' | 'overridden'> {
  const settings = new Map(written.map((setting) => [lowerCase(setting.name), setting]))
  return { settings, overridden: written.filter((setting) => settings.get(lowerCase(setting.name)) !== setting) }
}

/** Without what was met again because its file is included several times. */
function eachOnce<T extends { at: SettingsFault['at'] }>(met: readonly T[]): T[] {
  const byPlace = new Map(met.map((each) => ['span' in each.at ? `${each.at.file}:${each.at.span.start}` : '', each]))
  return [...byPlace.values()]
}

function lowerCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

function lowerFirst(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}
