import type { LayoutName } from '../../config/config.ts'
import type { Folder } from '../folder.ts'
import { golangMigrate } from './golang-migrate.ts'
import { goose } from './goose.ts'
import { kei } from './kei.ts'
import type { Layout } from './layout.ts'
import { atlas, markedTools, sqlx } from './other-tools.ts'
import type { OtherTool } from './other-tools.ts'
import { prisma } from './prisma.ts'

/** Whose a folder is, and what shows it. */
export type Recognition = {
  mark: string
  /**
   * `inside`: the files themselves say so. `names`: only numbered names, or what stands beside the folder, which other
   * folders have too.
   */
  certainty: 'inside' | 'names'
} & ({ kind: 'layout'; layout: Layout } | { kind: 'other-tool'; tool: string })

const layouts: Record<LayoutName, Layout> = { kei, goose, 'golang-migrate': golangMigrate, prisma }

export function layoutNamed(name: LayoutName): Layout {
  return layouts[name]
}

/**
 * Whose a folder is; the first of these that leaves its mark: Atlas, goose, the other tools with marks of their own,
 * Prisma, sqlx, golang-migrate, kei. A folder with another tool's mark is never read as kei's.
 *
 * `atlas.sum` is an integrity file that Atlas keeps over folders of several formats. Beside goose's annotations or
 * golang-migrate's pairs it says nothing of how the files are run, so the files decide; alone it is Atlas's own format.
 */
export function recognise(folder: Folder): Recognition | undefined {
  const asLayout = (layout: Layout, certainty: Recognition['certainty']): Recognition | undefined => {
    const mark = layout.mark(folder)
    return mark === undefined ? undefined : { kind: 'layout', layout, mark, certainty }
  }
  const asTool = (tool: OtherTool, certainty: Recognition['certainty']): Recognition | undefined => {
    const mark = tool.mark(folder)
    return mark === undefined ? undefined : { kind: 'other-tool', tool: tool.name, mark, certainty }
  }
  const underAtlas = asTool(atlas, 'inside')
  if (underAtlas !== undefined) return asLayout(goose, 'inside') ?? asLayout(golangMigrate, 'inside') ?? underAtlas

  let recognition = asLayout(goose, 'inside')
  for (const tool of markedTools) recognition ??= asTool(tool, 'inside')
  recognition ??= asLayout(prisma, 'inside')
  if (recognition !== undefined) return recognition

  // What stands beside a folder says something of numbered files only.
  const numbered = asLayout(golangMigrate, 'inside') ?? asLayout(kei, 'names')
  return numbered && (asTool(sqlx, 'names') ?? numbered)
}
