import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// What scripts/setup-postgres.sh put into the project, unless the environment names other programs.
const folder = fileURLToPath(new URL('../.pg/17/bin', import.meta.url))
if (existsSync(folder)) process.env['KEI_PG_BIN'] ??= folder
