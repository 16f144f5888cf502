// `kei migrate up --jsonl` by the built functions, with what the program has no option for: the lease's time, and a place
// at which the process stops itself (SIGSTOP). Told by KEI_TEST_RUN, JSON: url, folder, leaseTime, cancel, and as the
// place one of event and version (with sent: when what follows the event is sent), before (a part of a query's text) and
// send (the number of a message to the server).
import { writeSync } from 'node:fs'
import { readMigrations } from '../../dist/migrate/read-migrations.js'
import { defaultSettings } from '../../dist/migrate/run-request.js'
import { up } from '../../dist/migrate/up.js'
import { connect } from '../../dist/postgres/connect/connect.js'
import { resolveConnection } from '../../dist/postgres/connect/resolve.js'
import { readSurroundings } from '../../dist/postgres/connect/surroundings.js'

const {
  url,
  folder,
  leaseTime,
  cancel = false,
  event,
  version,
  sent: isSent,
  before,
  send,
} = JSON.parse(process.env.KEI_TEST_RUN)
const tell = (line) => writeSync(1, `${JSON.stringify(line)}\n`)

let stopped = false
function stop(at) {
  if (stopped) return
  stopped = true
  tell({ event: 'stopping', at })
  process.kill(process.pid, 'SIGSTOP')
}

/** What clocks send, not the run. */
const byClock = /SET heartbeat_at|pg_blocking_pids|pg_stat_progress|AS h\s+WHERE h\.name/
let sent = 0

function watched(client) {
  const query = client.query.bind(client)
  client.query = (...args) => {
    const text = typeof args[0] === 'string' ? args[0] : args[0].text
    const isFirst = text.includes('SET token = next.token')
    if (isFirst || !byClock.test(text)) {
      sent++
      if (sent === send || (before !== undefined && text.includes(before))) stop(text)
    }
    return query(...args)
  }
  return client
}

const resolved = resolveConnection(readSurroundings(), { name: '--url', text: url, by: 'user' })
const { migrations } = await readMigrations({ workingDirectory: folder })
try {
  const result = await up({
    settings: { ...defaultSettings, leaseTime },
    migrations,
    cancel,
    async connect() {
      const session = await connect(resolved, { applicationName: 'kei/stopping up', pipeline: true })
      return { ...session, client: watched(session.client) }
    },
    onEvent(told) {
      tell(told)
      if (told.event !== event || told.version !== version) return
      if (isSent) setImmediate(stop, told)
      else stop(told)
    },
  })
  tell({ event: 'result', applied: result.applied.length, sent })
} catch (error) {
  tell({
    event: 'error',
    code: error.code,
    message: error.message,
    stack: error.exitCode === undefined ? error.stack : undefined,
  })
  process.exitCode = error.exitCode ?? 1
}
