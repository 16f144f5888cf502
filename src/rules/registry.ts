// Written by scripts/generate-rules.js from the listing of this folder; do not edit.
import noBrokenDown from './migration/no-broken-down.ts'
import noDuplicateVersion from './migration/no-duplicate-version.ts'
import noInvalidIgnore from './project/no-invalid-ignore.ts'
import noMegaMigration from './migration/no-mega-migration.ts'
import noRefusedStatement from './migration/no-refused-statement.ts'
import noSyntaxError from './project/no-syntax-error.ts'
import noUnreadableFile from './project/no-unreadable-file.ts'
import preferGin from './schema/prefer-gin.ts'
import preferIdentity from './schema/prefer-identity.ts'
import requireConcurrentIndex from './migration/require-concurrent-index.ts'
import requireForeignKeyIndex from './schema/require-foreign-key-index.ts'
import type { Rule } from './rule.ts'

/** Every rule, by id. */
export const allRules: readonly Rule[] = [
  noBrokenDown,
  noDuplicateVersion,
  noInvalidIgnore,
  noMegaMigration,
  noRefusedStatement,
  noSyntaxError,
  noUnreadableFile,
  preferGin,
  preferIdentity,
  requireConcurrentIndex,
  requireForeignKeyIndex,
]
