import { defineRule } from '../rule.ts'
import { switchedTo } from './effective-setting.ts'
import { settingVerdict } from './setting-verdict.ts'

export default defineRule({
  id: 'require-autovacuum',
  since: '0.1.0',
  severity: 'error',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'autovacuum is off, or track_counts that it depends on',
  why:
    'Without autovacuum tables and indexes grow without end, the planner works with statistics of the day of the import, ' +
    'and index-only scans read the table after all. When the age of a table reaches autovacuum_freeze_max_age, ' +
    'vacuuming begins all the same, everywhere at once and in the busiest hour.',
  instead:
    'Leave both on. When it costs too much, spread it: autovacuum_vacuum_cost_delay, and storage parameters of the few ' +
    'large tables (ALTER TABLE … SET (autovacuum_vacuum_scale_factor = 0.01)).',
  examples: [
    {
      title: 'Switched off',
      bad: 'autovacuum = off\nwork_mem = 8MB',
      at: 'autovacuum = off',
      good: 'autovacuum_vacuum_cost_delay = 5ms\nwork_mem = 8MB',
    },
    {
      title: 'What it depends on is switched off',
      bad: 'autovacuum = on\ntrack_counts = off',
      at: 'track_counts = off',
      good: 'autovacuum = on\ntrack_activities = off',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/routine-vacuuming.html',
    'https://www.postgresql.org/docs/17/runtime-config-autovacuum.html',
  ],
  options: {},
  claims: [],
  *check(settings, { major }) {
    const autovacuum = switchedTo(settings, 'autovacuum', false, major)
    const trackCounts = switchedTo(settings, 'track_counts', false, major)
    if (autovacuum !== undefined) {
      yield settingVerdict(settings, autovacuum, {
        message: 'autovacuum is off: tables grow without end, and statistics for the planner grow old',
        next: 'Set autovacuum = on, or delete the line, and reload; then run VACUUM (ANALYZE) once in each database.',
      })
    }
    if (trackCounts !== undefined) {
      yield settingVerdict(settings, trackCounts, {
        message: 'track_counts is off, so autovacuum does not know what to do and does nothing',
        next: 'Set track_counts = on, or delete the line, and reload.',
      })
    }
  },
})
