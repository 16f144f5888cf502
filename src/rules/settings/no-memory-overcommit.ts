import { defineRule } from '../rule.ts'
import { effective } from './effective-setting.ts'
import { settingVerdict } from './setting-verdict.ts'

const gigabyte = 1024 ** 3
/** What initdb writes into every file: it says nothing of the machine. */
const initialSharedBuffers = 128 * 1024 ** 2

export default defineRule({
  id: 'no-memory-overcommit',
  since: '0.1.0',
  severity: 'warning',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'work_mem for each of max_connections and shared_buffers come to more than the machine has',
  why:
    'work_mem is not for a session but for each sort and hash of it, hashes may take hash_mem_multiplier times as much, ' +
    'and parallel workers take it again. When even one work_mem for each connection does not fit, a busy hour ends with ' +
    'the kernel killing a backend, and with it every session of the server.',
  instead:
    'A small work_mem for all, more for the roles and statements that need it (SET LOCAL work_mem), and fewer ' +
    'connections behind a pooler. kei takes shared_buffers for a quarter of the machine, as the manual advises; ' +
    'memoryGigabytes says what it really has.',
  examples: [
    {
      title: 'Fifty gigabytes on a machine of sixteen',
      bad: 'max_connections = 200\nshared_buffers = 4GB\nwork_mem = 256MB',
      at: 'work_mem = 256MB',
      good: 'max_connections = 200\nshared_buffers = 4GB\nwork_mem = 32MB',
    },
    {
      title: 'Thousands of connections',
      bad: 'max_connections = 5000\nshared_buffers = 2GB',
      at: 'max_connections = 5000',
      good: 'max_connections = 300\nshared_buffers = 2GB',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/runtime-config-resource.html#GUC-WORK-MEM',
    'https://www.postgresql.org/docs/17/runtime-config-resource.html#GUC-SHARED-BUFFERS',
    'https://www.postgresql.org/docs/17/kernel-resources.html#LINUX-MEMORY-OVERCOMMIT',
  ],
  options: {
    memoryGigabytes: {
      description: 'Memory of the machine in GB; 0 takes it for four times shared_buffers.',
      default: 0,
    },
  },
  claims: [],
  *check(settings, { major, options }) {
    const [connections, workMem, buffers] = ['max_connections', 'work_mem', 'shared_buffers'].map((name) =>
      effective(settings, name, major),
    )
    const setting = workMem?.setting ?? connections?.setting
    const [sessions, each, shared] = [connections?.value, workMem?.value, buffers?.value]
    if (setting === undefined) return
    if (typeof sessions !== 'number' || typeof each !== 'number' || typeof shared !== 'number') return
    const known = Number(options['memoryGigabytes']) * gigabyte
    // Where nobody has looked at shared_buffers, it says nothing of the machine.
    if (known === 0 && (buffers?.setting === undefined || shared <= initialSharedBuffers)) return
    const memory = known === 0 ? 4 * shared : known
    const total = shared + sessions * each
    if (total <= memory) return
    const fitting = Math.max(64, Math.floor((memory - shared) / sessions / 1024))
    yield settingVerdict(settings, setting, {
      message:
        `${sessions} connections with one work_mem of ${size(each)} each and ${size(shared)} of shared_buffers come to ` +
        `${size(total)}; the machine has ${known === 0 ? `about ${size(memory)} by its shared_buffers` : size(memory)}`,
      next:
        `Set work_mem to ${size(fitting * 1024).replace(' ', '')} at most and more where it is needed (SET LOCAL), or allow fewer ` +
        'connections behind a pooler. If the machine has more, set the rule’s option memoryGigabytes.',
      with: [connections?.setting, workMem?.setting, buffers?.setting].filter((one) => one !== setting),
    })
  },
})

/** Bytes as postgresql.conf takes them, in the unit that people read best. */
function size(bytes: number): string {
  const units = ['kB', 'MB', 'GB', 'TB']
  let amount = bytes / 1024
  while (amount >= 1024 && units.length > 1) {
    amount /= 1024
    units.shift()
  }
  return `${amount < 10 && amount % 1 !== 0 ? amount.toFixed(1) : Math.floor(amount)} ${units[0]}`
}
