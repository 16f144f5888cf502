import { expect, test } from 'vitest'
import type { TraceEvidence } from '../findings/evidence.ts'
import { evidenceText } from './evidence-text.ts'

const nothing: TraceEvidence = { kind: 'trace', major: 17, locks: [], rewrites: [], scans: [], milliseconds: 1 }

test('a statement without a lock of its own says what its transaction holds', () => {
  expect(evidenceText(nothing)).toBe('ran on PostgreSQL 17: no lock, no rewrite, no scan')
  const held = ['a', 'b', 'c', 'd'].map((name) => ({ relation: `public.${name}`, mode: 'ACCESS EXCLUSIVE' as const }))
  expect(evidenceText({ ...nothing, held: held.slice(0, 1) })).toBe(
    'ran on PostgreSQL 17: no further lock (held: ACCESS EXCLUSIVE on public.a), no rewrite, no scan',
  )
  expect(evidenceText({ ...nothing, held })).toContain('ACCESS EXCLUSIVE on public.c and 1 more)')
})
