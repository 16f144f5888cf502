import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Major } from '../src/rules/rule.ts'
import { emptyBench, openBench } from '../test/contract/measuring-bench.ts'
import type { Bench } from '../test/contract/measuring-bench.ts'
import { machine, writeFigures } from './figures.ts'
import { textOption } from './options.ts'
import { root } from './root.ts'
import type { RuleCase } from './rules/case.ts'
import { allCases } from './rules/cases/all.ts'
import { askKei, refusedOnShadow } from './rules/kei.ts'
import { kindsOfKei, kindsOfPgfence, kindsOfPgls, kindsOfSquawk } from './rules/kinds-of-rules.ts'
import * as linters from './rules/linters.ts'
import { report } from './rules/report.ts'
import type { Measured } from './rules/report.ts'
import type { Answer, Tool } from './rules/tool.ts'
import { askServer, prepare } from './rules/truth.ts'
import type { Truth } from './rules/truth.ts'
import { shadowServers, stopServers } from './shadow-server.ts'

const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'kei-bench-'))
// As root, kei's server runs under another account, which must pass through to the cache.
chmodSync(scratch, 0o711)
const cache = join(scratch, 'cache')
process.env['KEI_CACHE_DIR'] = cache
process.env['KEI_SHADOW_IDLE'] = '2'

const started = Date.now()
const jsonFile = textOption('--json')
const part = textOption('--only')
const cases = allCases().filter(({ id }) => part === undefined || id.includes(part))
try {
  const { figures, lists, data } = report(await benchmark())
  console.log([figures, lists].join('\n'))
  if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(data, undefined, 2)}\n`)
  if (process.argv.includes('--write')) writeFigures('bench:rules', figures)
} finally {
  await stopServers(cache)
  rmSync(scratch, { recursive: true, force: true })
}

async function benchmark(): Promise<Measured> {
  const modules = linters.peerModules(root)
  if (modules === undefined) {
    process.stderr.write('The peers are not installed and left out. Run: npm install --prefix bench/peers\n')
  }
  const folder = mkdtempSync(join(scratch, 'cases-'))
  linters.writeCases(folder, cases)

  const truths = new Map<RuleCase, Truth | Error>()
  const connected = new Map<RuleCase, Answer>()
  const peers = modules === undefined ? undefined : { modules, folder }
  const askAll = Promise.all(
    [...new Set(cases.map(majorOf))].map(async (major) => {
      const place = await openBench(major)
      await makeTablespace(place)
      for (const one of cases.filter((each) => majorOf(each) === major)) {
        truths.set(one, await truthOf(one, place, peers, connected))
      }
      await emptyBench(place)
      await place.close()
    }),
  ).then(() => said('the server'))
  const text = new Map<RuleCase, Answer>()
  const traced = new Map<RuleCase, Answer>()
  for (const one of cases) {
    text.set(one, await askKei(one, 'text'))
    traced.set(one, await askKei(one, 'trace'))
  }
  said('kei')
  await askAll
  const tools: Tool[] = [
    { name: 'kei, text', kinds: kindsOfKei, answers: text },
    { name: 'kei, trace', kinds: { ...kindsOfKei, [refusedOnShadow]: { about: ['fails'] } }, answers: traced },
  ]
  if (modules !== undefined) {
    tools.push(
      { name: 'squawk', kinds: kindsOfSquawk, answers: await linters.askSquawk(modules, folder, cases) },
      { name: 'pgfence', kinds: kindsOfPgfence, answers: await linters.askPgfence(modules, folder, cases) },
      { name: 'pgls', kinds: kindsOfPgls, answers: await linters.askLanguageServer(modules, folder, cases) },
      { name: 'pgls, database', kinds: kindsOfPgls, answers: connected },
    )
  }
  said('the peers')
  const versions = modules === undefined ? '' : `; ${linters.peerVersions(modules)}`
  return { cases, truths, tools, where: `${machine()}${versions}` }
}

/** Asks the server about a case, and the one peer that can use a database for it. */
async function truthOf(
  one: RuleCase,
  place: Bench,
  peers: { modules: string; folder: string } | undefined,
  connected: Map<RuleCase, Answer>,
): Promise<Truth | Error> {
  try {
    await emptyBench(place)
    await prepare(one, place.client)
    if (peers !== undefined) {
      connected.set(one, await linters.askConnectedLanguageServer(peers.modules, peers.folder, one, addressOf(place)))
    }
    return await askServer(one, place.client, async () => {
      const session = await place.connect()
      await session.query('SET search_path TO "$user", public')
      return session
    })
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** The major that runs a case. */
function majorOf({ major = 17 }: RuleCase): Major {
  return major
}

function addressOf({ client }: Bench): linters.DatabaseAddress {
  const { host, port, database = '' } = client
  const { user = '', password = '' } = shadowServers(cache).find((server) => server.socketDirectory === host) ?? {}
  return { host, port, user, password, database }
}

/** Rows of the lock table move tables to this tablespace. */
async function makeTablespace({ client }: Bench): Promise<void> {
  await client.query('SET allow_in_place_tablespaces = on')
  await client.query("CREATE TABLESPACE kei_claim_space LOCATION ''")
}

function said(who: string): void {
  process.stderr.write(`${who}: done after ${Math.round((Date.now() - started) / 1000)} s\n`)
}
