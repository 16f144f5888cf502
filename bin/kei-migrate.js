#!/usr/bin/env node
process.argv.splice(2, 0, 'migrate')
await import('../dist/cli/main.js')
