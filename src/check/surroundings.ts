import { basename } from 'node:path'
import { listRepository } from '../project/listing.ts'
import { readSource } from '../project/files.ts'
import type { Staged } from '../project/staged.ts'
import type { Major } from '../rules/rule.ts'
import type { Surrounding, UnreadableSubject } from '../rules/subject.ts'
import { readAuthenticationFile } from '../sources/authentication-file.ts'
import { isServerConfiguration } from '../rules/settings/parameters.ts'
import { namesImages, serverImages } from '../rules/settings/server-image.ts'
import { isSettingsFile, readSettingsFiles } from '../sources/settings/files.ts'
import type { FileIgnores } from './ignores.ts'
import { readLineIgnores } from './line-ignores.ts'
import { readPasswordFiles } from './password-files.ts'

/** What stands around the migrations of a repository. */
export interface Surroundings {
  judged: Surrounding[]
  unreadable: UnreadableSubject[]
  ignores: FileIgnores[]
  /** The decoded texts of what is judged, by path. */
  texts: ReadonlyMap<string, string>
  notices: string[]
  /** All that decides what the rules say of it, as texts. */
  parts: string[]
  /** Whether the day of the check decides as well. */
  dated: boolean
}

/**
 * Reads what stands around the migrations below `start`: server configuration, and texts in which a secret may stand.
 * `known` are the texts that were read already, by path. `major` is that of the server that is to read the
 * configuration. With `staged` only what is staged.
 */
export async function readSurroundings(
  root: string,
  start: string,
  known: ReadonlyMap<string, string>,
  major: Major,
  staged?: Staged,
): Promise<Surroundings> {
  const { files: listed, notice } = await listRepository(root, start)
  const files = staged === undefined ? listed : listed.filter(({ path }) => staged.files.has(path))
  const judged: Surrounding[] = []
  const texts = new Map<string, string>()
  for (const { path } of files) {
    const name = basename(path)
    // One that another file includes has been read with it.
    if (/^pg_hba.*\.conf$/.test(name) && !texts.has(path)) {
      judged.push({ kind: 'authentication', subject: readAuthenticationFile(root, path, texts, major) })
    }
  }
  const settingsFiles = files.map(({ path }) => path).filter((path) => isSettingsFile(basename(path)))
  for (const subject of readSettingsFiles(root, settingsFiles, texts).filter(isServerConfiguration)) {
    judged.push({ kind: 'settings', subject })
  }
  for (const each of await readPasswordFiles(root, start, files, known, staged)) {
    judged.push(each)
    if (each.kind === 'text') texts.set(each.subject.file, each.subject.text)
  }
  const imageFiles = files.filter(({ path }) => namesImages(path))
  for (const { path, tracked } of imageFiles.filter((each) => !texts.has(each.path))) {
    const reading = staged?.reading(path) ?? readSource(root, path)
    if (reading.kind === 'unreadable' || serverImages(reading.file.text).length === 0) continue
    const { text } = reading.file
    judged.push({ kind: 'text', subject: { file: path, text, ...(tracked !== undefined && { tracked }) } })
    texts.set(path, text)
  }
  const isText = new Set(judged.flatMap(({ kind, subject }) => (kind === 'text' ? [subject.file] : [])))
  const ignores = [...texts]
    .map(([file, text]): FileIgnores => ({
      ...readLineIgnores(file, text),
      ...(isText.has(file) && { mayQuote: true }),
    }))
    .filter(({ ignores: own }) => own.length > 0)
  const parts = [
    ...[...texts].flat(),
    JSON.stringify(
      judged.map(({ kind, subject }) => [
        kind,
        kind === 'text' && subject.tracked,
        kind === 'environment' && [subject.committed, subject.needs],
        kind === 'settings' && subject.unread.map(({ needs }) => needs),
        kind === 'authentication' &&
          [...subject.unread, ...subject.faults].map((each) => ('needs' in each ? each.needs : each.message)),
      ]),
    ),
  ]
  return {
    judged,
    unreadable: [],
    ignores,
    texts,
    notices: notice === undefined ? [] : [notice],
    parts,
    dated: imageFiles.some(({ path }) => texts.has(path)),
  }
}
