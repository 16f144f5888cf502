/**
 * Writes schema/kei.schema.json, the JSON schema of kei.jsonc for editors, from the schema that kei validates with.
 * Needs a build. `--check` writes nothing and exits 1 when the file is out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { toJsonSchema } from '@valibot/to-json-schema'
import { configSchema } from '../dist/config/schema.js'

const file = new URL('../schema/kei.schema.json', import.meta.url)
const text = `${JSON.stringify(toJsonSchema(configSchema, { typeMode: 'input' }), null, 2)}\n`

if (!process.argv.includes('--check')) {
  writeFileSync(file, text)
} else if (readFileSync(file, 'utf8') !== text) {
  console.error('schema/kei.schema.json is out of date: run `npm run docs`.')
  process.exitCode = 1
}
