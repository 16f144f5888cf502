import { parseVersion } from './releases.ts'
import type { ServerVersion } from './releases.ts'

/** A container image with a PostgreSQL server, as a file names it. */
export interface ServerImage {
  /** With its tag, without a digest. */
  image: string
  version: ServerVersion
  span: { start: number; end: number }
}

const imageFile =
  /(?:^|\/)(?:(?:Dockerfile|Containerfile)(?:\.[\w-]+)?|[\w.-]+\.Dockerfile|(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml)$/i

/** Whether a file of this name says which image a server runs. */
export function namesImages(path: string): boolean {
  return imageFile.test(path)
}

const imageLine =
  /^[ \t]*(?:-[ \t]+)?(?:image[ \t]*:|FROM(?:[ \t]+--\S+)*)[ \t]+["']?([\w.:/-]+?)(?:@sha256:\w+)?["']?(?=[ \t\r\n]|$)/gim

/** Images whose tag begins with the server's version. */
const byTag = new Set(['postgres', 'postgresql', 'postgis'])
/** Images of extensions, which say the server's major behind `pg`. */
const byPgSuffix = new Set(['pgvector', 'timescaledb', 'timescaledb-ha', ...byTag])

/** The servers that a Dockerfile or compose file runs, with a version that its tag says. */
export function serverImages(text: string): ServerImage[] {
  const found: ServerImage[] = []
  for (const match of text.matchAll(imageLine)) {
    const image = match[1] ?? ''
    const [, name = '', tag = ''] = /(?:^|\/)([\w.-]+):([\w.-]+)$/.exec(image) ?? []
    const version = versionOf(name, tag)
    if (version === undefined) continue
    const start = match.index + match[0].indexOf(image)
    found.push({ image, version, span: { start, end: start + image.length } })
  }
  return found
}

function versionOf(name: string, tag: string): ServerVersion | undefined {
  const major = byPgSuffix.has(name) ? /(?:^|-)pg(\d+)(?:\.(\d+))?/.exec(tag) : null
  if (major !== null) return parseVersion(major[0].replace(/^-?pg/, ''))
  if (!byTag.has(name) || !/^\d/.test(tag)) return undefined
  // postgis and other builds number themselves behind a hyphen or a third dot.
  return parseVersion(tag.split('-')[0]?.split('.').slice(0, 2).join('.') ?? '')
}
