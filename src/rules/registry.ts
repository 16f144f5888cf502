// Written by scripts/generate-rules.js from the listing of this folder; do not edit.
import noBloatedTable from './health/no-bloated-table.ts'
import noBooleanIndex from './index/no-boolean-index.ts'
import noBrinOnUnorderedColumn from './index/no-brin-on-unordered-column.ts'
import noBrokenDown from './migration/no-broken-down.ts'
import noBulkChange from './migration/no-bulk-change.ts'
import noCharType from './schema/no-char-type.ts'
import noCommittedEnv from './secrets/no-committed-env.ts'
import noConcurrentIfNotExists from './migration/no-concurrent-if-not-exists.ts'
import noConflictingSettings from './settings/no-conflicting-settings.ts'
import noConnectionPassword from './secrets/no-connection-password.ts'
import noContractWithExpand from './migration/no-contract-with-expand.ts'
import noDomainScan from './migration/no-domain-scan.ts'
import noDropCascade from './migration/no-drop-cascade.ts'
import noDropColumn from './migration/no-drop-column.ts'
import noDropSchema from './migration/no-drop-schema.ts'
import noDropTable from './migration/no-drop-table.ts'
import noDropType from './migration/no-drop-type.ts'
import noDuplicateVersion from './migration/no-duplicate-version.ts'
import noEditedMigration from './project/no-edited-migration.ts'
import noEmptyMigration from './project/no-empty-migration.ts'
import noExclusionConstraintBuild from './migration/no-exclusion-constraint-build.ts'
import noFailingStatement from './migration/no-failing-statement.ts'
import noHbaIdent from './authentication/no-hba-ident.ts'
import noHbaInvalidLine from './authentication/no-hba-invalid-line.ts'
import noHbaMd5 from './authentication/no-hba-md5.ts'
import noHbaOpenNetwork from './authentication/no-hba-open-network.ts'
import noHbaPlaintextPassword from './authentication/no-hba-plaintext-password.ts'
import noHbaRemoteSuperuser from './authentication/no-hba-remote-superuser.ts'
import noHbaSecret from './authentication/no-hba-secret.ts'
import noHbaShadowedLine from './authentication/no-hba-shadowed-line.ts'
import noHbaTrust from './authentication/no-hba-trust.ts'
import noHiddenChange from './migration/no-hidden-change.ts'
import noIdleTransaction from './health/no-idle-transaction.ts'
import noInvalidIgnore from './project/no-invalid-ignore.ts'
import noInvalidIndex from './index/no-invalid-index.ts'
import noInvalidSetting from './settings/no-invalid-setting.ts'
import noKeyOverflow from './schema/no-key-overflow.ts'
import noLockTable from './migration/no-lock-table.ts'
import noLongIdentifier from './schema/no-long-identifier.ts'
import noLongTransaction from './health/no-long-transaction.ts'
import noMegaMigration from './migration/no-mega-migration.ts'
import noMemoryOvercommit from './settings/no-memory-overcommit.ts'
import noMismatchedForeignKey from './schema/no-mismatched-foreign-key.ts'
import noMoneyType from './schema/no-money-type.ts'
import noNarrowingType from './migration/no-narrowing-type.ts'
import noNeedlessIndexPredicate from './index/no-needless-index-predicate.ts'
import noNewerSyntax from './migration/no-newer-syntax.ts'
import noOrphanedPreparedTransaction from './health/no-orphaned-prepared-transaction.ts'
import noOutdatedServer from './settings/no-outdated-server.ts'
import noPublicGrant from './schema/no-public-grant.ts'
import noRedundantIndex from './index/no-redundant-index.ts'
import noReferencedTableLock from './migration/no-referenced-table-lock.ts'
import noRefusedStatement from './migration/no-refused-statement.ts'
import noRename from './migration/no-rename.ts'
import noRequiredColumn from './migration/no-required-column.ts'
import noRewritingColumn from './migration/no-rewriting-column.ts'
import noRewritingTypeChange from './migration/no-rewriting-type-change.ts'
import noRolePassword from './secrets/no-role-password.ts'
import noSchemaMove from './migration/no-schema-move.ts'
import noSlotHoldingWal from './health/no-slot-holding-wal.ts'
import noStorageRewrite from './migration/no-storage-rewrite.ts'
import noSyntaxError from './project/no-syntax-error.ts'
import noTruncate from './migration/no-truncate.ts'
import noUnfilteredChange from './migration/no-unfiltered-change.ts'
import noUnfinishedTransaction from './migration/no-unfinished-transaction.ts'
import noUnreadableFile from './project/no-unreadable-file.ts'
import noUnusedIndex from './index/no-unused-index.ts'
import noVacuumFull from './migration/no-vacuum-full.ts'
import noWorkUnderExclusiveLock from './migration/no-work-under-exclusive-lock.ts'
import noWraparoundRisk from './health/no-wraparound-risk.ts'
import preferAttachPartition from './migration/prefer-attach-partition.ts'
import preferBigintKey from './schema/prefer-bigint-key.ts'
import preferGin from './schema/prefer-gin.ts'
import preferIdentity from './schema/prefer-identity.ts'
import preferJsonb from './schema/prefer-jsonb.ts'
import preferPartialIndex from './index/prefer-partial-index.ts'
import preferRangeColumnLast from './index/prefer-range-column-last.ts'
import preferTimestamptz from './schema/prefer-timestamptz.ts'
import requireAtlasSum from './project/require-atlas-sum.ts'
import requireAutovacuum from './settings/require-autovacuum.ts'
import requireChecksums from './settings/require-checksums.ts'
import requireConcurrentDetach from './migration/require-concurrent-detach.ts'
import requireConcurrentIndex from './migration/require-concurrent-index.ts'
import requireConcurrentIndexDrop from './migration/require-concurrent-index-drop.ts'
import requireConcurrentRefresh from './migration/require-concurrent-refresh.ts'
import requireConcurrentReindex from './migration/require-concurrent-reindex.ts'
import requireDownOrIrreversible from './migration/require-down-or-irreversible.ts'
import requireForeignKeyIndex from './schema/require-foreign-key-index.ts'
import requireFsync from './settings/require-fsync.ts'
import requireFullPageWrites from './settings/require-full-page-writes.ts'
import requireFunctionSearchPath from './schema/require-function-search-path.ts'
import requireHbaTls from './authentication/require-hba-tls.ts'
import requireIdleTransactionTimeout from './settings/require-idle-transaction-timeout.ts'
import requireLockTimeout from './migration/require-lock-timeout.ts'
import requireNotNullProof from './migration/require-not-null-proof.ts'
import requireNotValidCheck from './migration/require-not-valid-check.ts'
import requireNotValidForeignKey from './migration/require-not-valid-foreign-key.ts'
import requirePartitionCheck from './migration/require-partition-check.ts'
import requirePrimaryKey from './schema/require-primary-key.ts'
import requireRowSecurity from './schema/require-row-security.ts'
import requireScram from './settings/require-scram.ts'
import requireSeparateValidation from './migration/require-separate-validation.ts'
import requireStatementTimeout from './settings/require-statement-timeout.ts'
import requireSynchronousCommit from './settings/require-synchronous-commit.ts'
import requireTls from './settings/require-tls.ts'
import requireUniqueUsingIndex from './migration/require-unique-using-index.ts'
import requireValidatedConstraint from './schema/require-validated-constraint.ts'
import requireWorkingArchive from './settings/require-working-archive.ts'
import type { Rule } from './rule.ts'

/** Every rule, by id. */
export const allRules: readonly Rule[] = [
  noBloatedTable,
  noBooleanIndex,
  noBrinOnUnorderedColumn,
  noBrokenDown,
  noBulkChange,
  noCharType,
  noCommittedEnv,
  noConcurrentIfNotExists,
  noConflictingSettings,
  noConnectionPassword,
  noContractWithExpand,
  noDomainScan,
  noDropCascade,
  noDropColumn,
  noDropSchema,
  noDropTable,
  noDropType,
  noDuplicateVersion,
  noEditedMigration,
  noEmptyMigration,
  noExclusionConstraintBuild,
  noFailingStatement,
  noHbaIdent,
  noHbaInvalidLine,
  noHbaMd5,
  noHbaOpenNetwork,
  noHbaPlaintextPassword,
  noHbaRemoteSuperuser,
  noHbaSecret,
  noHbaShadowedLine,
  noHbaTrust,
  noHiddenChange,
  noIdleTransaction,
  noInvalidIgnore,
  noInvalidIndex,
  noInvalidSetting,
  noKeyOverflow,
  noLockTable,
  noLongIdentifier,
  noLongTransaction,
  noMegaMigration,
  noMemoryOvercommit,
  noMismatchedForeignKey,
  noMoneyType,
  noNarrowingType,
  noNeedlessIndexPredicate,
  noNewerSyntax,
  noOrphanedPreparedTransaction,
  noOutdatedServer,
  noPublicGrant,
  noRedundantIndex,
  noReferencedTableLock,
  noRefusedStatement,
  noRename,
  noRequiredColumn,
  noRewritingColumn,
  noRewritingTypeChange,
  noRolePassword,
  noSchemaMove,
  noSlotHoldingWal,
  noStorageRewrite,
  noSyntaxError,
  noTruncate,
  noUnfilteredChange,
  noUnfinishedTransaction,
  noUnreadableFile,
  noUnusedIndex,
  noVacuumFull,
  noWorkUnderExclusiveLock,
  noWraparoundRisk,
  preferAttachPartition,
  preferBigintKey,
  preferGin,
  preferIdentity,
  preferJsonb,
  preferPartialIndex,
  preferRangeColumnLast,
  preferTimestamptz,
  requireAtlasSum,
  requireAutovacuum,
  requireChecksums,
  requireConcurrentDetach,
  requireConcurrentIndex,
  requireConcurrentIndexDrop,
  requireConcurrentRefresh,
  requireConcurrentReindex,
  requireDownOrIrreversible,
  requireForeignKeyIndex,
  requireFsync,
  requireFullPageWrites,
  requireFunctionSearchPath,
  requireHbaTls,
  requireIdleTransactionTimeout,
  requireLockTimeout,
  requireNotNullProof,
  requireNotValidCheck,
  requireNotValidForeignKey,
  requirePartitionCheck,
  requirePrimaryKey,
  requireRowSecurity,
  requireScram,
  requireSeparateValidation,
  requireStatementTimeout,
  requireSynchronousCommit,
  requireTls,
  requireUniqueUsingIndex,
  requireValidatedConstraint,
  requireWorkingArchive,
]
