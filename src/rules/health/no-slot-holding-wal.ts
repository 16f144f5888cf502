import type { Database, ReplicationSlot } from '../../findings/database.ts'
import { defineRule } from '../rule.ts'
import type { RuleOptions, Verdict } from '../rule.ts'
import { bytesText, durationText } from './amounts.ts'
import { numberSetting } from './setting.ts'

const megabyte = 1024 ** 2

export default defineRule({
  id: 'no-slot-holding-wal',
  since: '0.1.0',
  severity: 'warning',
  category: 'health',
  subject: 'database',
  about: 'state',
  needs: ['catalog'],
  summary: 'A replication slot that makes the server keep WAL, or that has lost what it needs',
  why:
    'WAL stays until every slot has read it. A slot whose reader is gone or slow lets pg_wal grow until the disk is full ' +
    'and the server stops. With max_slot_wal_keep_size the slot loses instead, and its standby or subscriber has to be ' +
    'set up again.',
  instead:
    'Drop slots of readers that are gone. Set max_slot_wal_keep_size to what the disk has room for, watch ' +
    'pg_replication_slots, and on PostgreSQL 18 set idle_replication_slot_timeout.',
  examples: [
    {
      title: 'A standby that is gone',
      options: { idleMegabytes: 0 },
      bad: "SELECT pg_create_physical_replication_slot('example_standby', true);\nSELECT pg_switch_wal();",
      at: 'replication slot example_standby',
      good: "SELECT pg_create_physical_replication_slot('example_new');",
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/current/warm-standby.html#STREAMING-REPLICATION-SLOTS',
    'https://www.postgresql.org/docs/current/view-pg-replication-slots.html',
  ],
  options: {
    idleMegabytes: { description: 'WAL that may be kept for a slot that nothing reads.', default: 1024 },
    activeMegabytes: { description: 'WAL that may be kept for a slot that is read.', default: 10_240 },
  },
  claims: [],
  *check(database, { options }) {
    for (const slot of database.replicationSlots) {
      const message = messageFor(slot, database, options)
      if (message !== undefined) yield finding(database, slot, message)
    }
  },
})

function messageFor(slot: ReplicationSlot, { readAt }: Database, options: RuleOptions): string | undefined {
  const { name, active, inactiveSince, walStatus, retainedBytes = 0 } = slot
  if (walStatus === 'lost')
    return `WAL that the ${slot.type} slot ${name} needs is gone: what read it must be set up again`
  if (walStatus === 'unreserved') {
    return `WAL that the ${slot.type} slot ${name} needs goes at the next checkpoint: it is past max_slot_wal_keep_size`
  }
  const most = Number(options[active ? 'activeMegabytes' : 'idleMegabytes']) * megabyte
  if (retainedBytes <= most) return undefined
  const idle =
    inactiveSince === undefined ? '' : ` for ${durationText((Date.parse(readAt) - Date.parse(inactiveSince)) / 1000)}`
  return (
    `The server keeps ${bytesText(retainedBytes)} of WAL for the ${slot.type} slot ${name}, ` +
    (active ? 'whose reader lags' : `which nothing has read${idle}`)
  )
}

function finding(database: Database, slot: ReplicationSlot, message: string): Verdict {
  const { name, active, walStatus, retainedBytes } = slot
  const keep = numberSetting(database, 'max_slot_wal_keep_size', -1)
  const isLost = walStatus === 'lost'
  const literal = `'${name}'`
  const drop = `SELECT pg_drop_replication_slot(${literal});`
  return {
    kind: 'finding',
    ...((isLost || walStatus === 'unreserved') && { severity: 'error' as const }),
    message,
    at: { kind: 'object', objectType: 'replication slot', name },
    evidence: [
      {
        kind: 'catalog',
        facts: {
          active: String(active),
          ...(walStatus !== undefined && { wal_status: walStatus }),
          ...(retainedBytes !== undefined && { 'WAL kept': bytesText(retainedBytes) }),
          max_slot_wal_keep_size: keep < 0 ? 'unlimited' : `${keep} MB`,
        },
      },
    ],
    next: isLost
      ? `Drop it, and set up its standby or subscription again:\n${drop}`
      : active
        ? 'See why its reader lags: pg_stat_replication shows it by the slot’s active_pid.'
        : `Start its reader again; if that is gone for good:\n${drop}`,
  }
}
