// Written by scripts/generate-rules.js from the listing of this folder; do not edit.
import noBrokenDown from './migration/no-broken-down.ts'
import noBulkChange from './migration/no-bulk-change.ts'
import noCharType from './schema/no-char-type.ts'
import noConcurrentIfNotExists from './migration/no-concurrent-if-not-exists.ts'
import noContractWithExpand from './migration/no-contract-with-expand.ts'
import noDomainScan from './migration/no-domain-scan.ts'
import noDropCascade from './migration/no-drop-cascade.ts'
import noDropColumn from './migration/no-drop-column.ts'
import noDropSchema from './migration/no-drop-schema.ts'
import noDropTable from './migration/no-drop-table.ts'
import noDropType from './migration/no-drop-type.ts'
import noDuplicateVersion from './migration/no-duplicate-version.ts'
import noExclusionConstraintBuild from './migration/no-exclusion-constraint-build.ts'
import noHiddenChange from './migration/no-hidden-change.ts'
import noInvalidIgnore from './project/no-invalid-ignore.ts'
import noLockTable from './migration/no-lock-table.ts'
import noLongIdentifier from './schema/no-long-identifier.ts'
import noMegaMigration from './migration/no-mega-migration.ts'
import noMoneyType from './schema/no-money-type.ts'
import noNarrowingType from './migration/no-narrowing-type.ts'
import noNewerSyntax from './migration/no-newer-syntax.ts'
import noReferencedTableLock from './migration/no-referenced-table-lock.ts'
import noRefusedStatement from './migration/no-refused-statement.ts'
import noRename from './migration/no-rename.ts'
import noRequiredColumn from './migration/no-required-column.ts'
import noRewritingColumn from './migration/no-rewriting-column.ts'
import noRewritingTypeChange from './migration/no-rewriting-type-change.ts'
import noSchemaMove from './migration/no-schema-move.ts'
import noStorageRewrite from './migration/no-storage-rewrite.ts'
import noSyntaxError from './project/no-syntax-error.ts'
import noTruncate from './migration/no-truncate.ts'
import noUnfilteredChange from './migration/no-unfiltered-change.ts'
import noUnfinishedTransaction from './migration/no-unfinished-transaction.ts'
import noUnreadableFile from './project/no-unreadable-file.ts'
import noVacuumFull from './migration/no-vacuum-full.ts'
import noWorkUnderExclusiveLock from './migration/no-work-under-exclusive-lock.ts'
import preferAttachPartition from './migration/prefer-attach-partition.ts'
import preferBigintKey from './schema/prefer-bigint-key.ts'
import preferGin from './schema/prefer-gin.ts'
import preferIdentity from './schema/prefer-identity.ts'
import preferJsonb from './schema/prefer-jsonb.ts'
import preferTimestamptz from './schema/prefer-timestamptz.ts'
import requireConcurrentDetach from './migration/require-concurrent-detach.ts'
import requireConcurrentIndex from './migration/require-concurrent-index.ts'
import requireConcurrentIndexDrop from './migration/require-concurrent-index-drop.ts'
import requireConcurrentRefresh from './migration/require-concurrent-refresh.ts'
import requireConcurrentReindex from './migration/require-concurrent-reindex.ts'
import requireDownOrIrreversible from './migration/require-down-or-irreversible.ts'
import requireForeignKeyIndex from './schema/require-foreign-key-index.ts'
import requireLockTimeout from './migration/require-lock-timeout.ts'
import requireNotNullProof from './migration/require-not-null-proof.ts'
import requireNotValidCheck from './migration/require-not-valid-check.ts'
import requireNotValidForeignKey from './migration/require-not-valid-foreign-key.ts'
import requirePartitionCheck from './migration/require-partition-check.ts'
import requireSeparateValidation from './migration/require-separate-validation.ts'
import requireUniqueUsingIndex from './migration/require-unique-using-index.ts'
import type { Rule } from './rule.ts'

/** Every rule, by id. */
export const allRules: readonly Rule[] = [
  noBrokenDown,
  noBulkChange,
  noCharType,
  noConcurrentIfNotExists,
  noContractWithExpand,
  noDomainScan,
  noDropCascade,
  noDropColumn,
  noDropSchema,
  noDropTable,
  noDropType,
  noDuplicateVersion,
  noExclusionConstraintBuild,
  noHiddenChange,
  noInvalidIgnore,
  noLockTable,
  noLongIdentifier,
  noMegaMigration,
  noMoneyType,
  noNarrowingType,
  noNewerSyntax,
  noReferencedTableLock,
  noRefusedStatement,
  noRename,
  noRequiredColumn,
  noRewritingColumn,
  noRewritingTypeChange,
  noSchemaMove,
  noStorageRewrite,
  noSyntaxError,
  noTruncate,
  noUnfilteredChange,
  noUnfinishedTransaction,
  noUnreadableFile,
  noVacuumFull,
  noWorkUnderExclusiveLock,
  preferAttachPartition,
  preferBigintKey,
  preferGin,
  preferIdentity,
  preferJsonb,
  preferTimestamptz,
  requireConcurrentDetach,
  requireConcurrentIndex,
  requireConcurrentIndexDrop,
  requireConcurrentRefresh,
  requireConcurrentReindex,
  requireDownOrIrreversible,
  requireForeignKeyIndex,
  requireLockTimeout,
  requireNotNullProof,
  requireNotValidCheck,
  requireNotValidForeignKey,
  requirePartitionCheck,
  requireSeparateValidation,
  requireUniqueUsingIndex,
]
