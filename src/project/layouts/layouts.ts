import type { LayoutName } from '../../config/config.ts'
import type { Folder } from '../folder.ts'
import { atlas } from './atlas.ts'
import { dbmate } from './dbmate.ts'
import { flyway } from './flyway.ts'
import { golangMigrate } from './golang-migrate.ts'
import { goose } from './goose.ts'
import { kei } from './kei.ts'
import type { Layout } from './layout.ts'
import { otherTools } from './other-tools.ts'
import { prisma } from './prisma.ts'
import { besideSqlx, sqlx } from './sqlx.ts'

/** Whose a folder is, and what shows it. */
export type Recognition = {
  mark: string
  /**
   * `inside`: the files themselves say so. `names`: only numbered names, or what stands beside the folder, which other
   * folders have too.
   */
  certainty: 'inside' | 'names'
} & ({ kind: 'layout'; layout: Layout } | { kind: 'other-tool'; tool: string })

const layouts: Record<LayoutName, Layout> = {
  kei,
  atlas,
  dbmate,
  flyway,
  'golang-migrate': golangMigrate,
  goose,
  prisma,
  sqlx,
}

export function layoutNamed(name: LayoutName): Layout {
  return layouts[name]
}

/**
 * Whose a folder is; the first of these that leaves its mark: goose, dbmate, the tools that kei does not read, Flyway,
 * Prisma, sqlx, golang-migrate, Atlas, kei. A folder with another tool's mark is never read as kei's.
 *
 * `atlas.sum` is an integrity file that Atlas keeps over folders of several formats. Beside annotations, names or pairs
 * of another tool it says nothing of how the files are run, so the files decide; alone it is Atlas's own format.
 */
export function recognise(folder: Folder): Recognition | undefined {
  const asLayout = (layout: Layout, certainty: Recognition['certainty']): Recognition | undefined => {
    const mark = layout.mark(folder)
    return mark === undefined ? undefined : { kind: 'layout', layout, mark, certainty }
  }
  let recognition = asLayout(goose, 'inside') ?? asLayout(dbmate, 'inside')
  for (const { name: tool, mark: markOf } of otherTools) {
    const mark = recognition === undefined ? markOf(folder) : undefined
    if (mark !== undefined) recognition = { kind: 'other-tool', tool, mark, certainty: 'inside' }
  }
  for (const layout of [flyway, prisma, sqlx]) recognition ??= asLayout(layout, 'inside')
  if (recognition !== undefined) return recognition

  const pairs = asLayout(golangMigrate, 'inside')
  const underAtlas = asLayout(atlas, 'inside')
  if (underAtlas !== undefined) return pairs ?? underAtlas

  // What stands beside a folder says something of numbered files only.
  const numbered = pairs ?? asLayout(kei, 'names')
  const beside = numbered && besideSqlx(folder)
  return beside === undefined ? numbered : { kind: 'layout', layout: sqlx, mark: beside, certainty: 'names' }
}
