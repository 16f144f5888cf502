#!/usr/bin/env node
// `kei-migrate up` is `kei migrate up`.
const [first] = process.argv.slice(2)
if (first !== '--version' && first !== '-V') process.argv.splice(2, 0, 'migrate')
await import('../dist/cli/main.js')
