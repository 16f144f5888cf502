import type { Rule, RuleClaim, RuleExample } from './rule.ts'
import { supportedMajors } from './rule.ts'

/** What docs/rules/NAME.md holds: the rule's page, and what keeps kei from taking its examples for secrets. */
export function rulePageFile(rule: Rule): string {
  const ignore = '\n<!-- kei: ignore-file no-connection-password: the examples show some -->\n'
  return `${rulePage(rule)}${rule.category === 'secrets' ? ignore : ''}`
}

/** A rule's page in Markdown: what `kei rule NAME` shows. */
export function rulePage(rule: Rule): string {
  const parts = [
    `# ${rule.id}`,
    `${rule.summary}.`,
    headline(rule),
    section('Why', rule.why),
    section('Instead', rule.instead),
    section('Examples', ...rule.examples.map((example) => exampleText(example, rule))),
    section('Options', optionsText(rule)),
    section('Measured', claimsText(rule.claims)),
    section('How it is known', evidenceText(rule)),
    section('Ignoring it', ignoreText(rule)),
    section('Sources', rule.sources.map((source) => `- <${source}>`).join('\n')),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function headline(rule: Rule): string {
  const parts = [capital(rule.severity), rule.category, `since ${rule.since}`]
  if (rule.destructive) parts.push('destructive')
  if (rule.changes) parts.push('has fixes')
  return parts.join(' · ')
}

/** docs/rules/README.md: every rule in a table, by category. */
export function rulesIndex(rules: readonly Rule[]): string {
  const categories = [...new Set(rules.map((rule) => rule.category))].sort()
  const tables = categories.map((category) => {
    const rows = rules
      .filter((rule) => rule.category === category)
      .map((rule) => `| [${rule.id}](${rule.id}.md) | ${rule.severity} | ${rule.summary} |`)
    return `## ${capital(category)}\n\n| Rule | Severity | Finds |\n|---|---|---|\n${rows.join('\n')}`
  })
  const opening =
    'Every page is made from the rule’s own source file. `kei rule NAME` prints the same page. What each statement ' +
    'locks, rewrites and reads stands in [Locks](../reference/locks.md).'
  return `# Rules\n\n${opening}\n\n${tables.join('\n\n')}\n`
}

function section(title: string, ...paragraphs: string[]): string {
  const text = paragraphs.filter((paragraph) => paragraph !== '').join('\n\n')
  return text === '' ? '' : `## ${title}\n\n${text}`
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

/** The name of the language of a rule's examples, as Markdown has it. */
function fence({ subject }: Rule): string {
  return subject === 'settings' || subject === 'authentication' || subject === 'text' || subject === 'environment'
    ? 'conf'
    : 'sql'
}

function exampleText({ title, setup, options, bad, good, majors }: RuleExample, rule: Rule): string {
  const language = fence(rule)
  const before = rule.subject === 'database' ? 'In a database with' : 'After a released migration'
  return [
    `### ${title}`,
    ...(majors === undefined ? [] : [`On PostgreSQL ${majors.join(' and ')}:`]),
    ...(options === undefined ? [] : [`With \`${JSON.stringify(options)}\`:`]),
    ...(setup === undefined ? [] : [`${before}:\n\n${sqlBlock(setup)}`]),
    `Found:\n\n${filesText(bad, language)}`,
    `Not found:\n\n${filesText(good, language)}`,
  ].join('\n\n')
}

function filesText(files: RuleExample['bad'], language: string): string {
  if (typeof files === 'string') return block(files, language)
  return files.map(({ file, text }) => `\`${file}\`\n\n${block(text, language)}`).join('\n\n')
}

function sqlBlock(sql: string): string {
  return block(sql, 'sql')
}

function block(text: string, language: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``
}

function optionsText(rule: Rule): string {
  const rows = Object.entries(rule.options).map(
    ([name, option]) => `| \`${name}\` | \`${JSON.stringify(option.default)}\` | ${option.description} |`,
  )
  if (rows.length === 0) return ''
  const setting = `In \`kei.jsonc\`: \`"rules": { "${rule.id}": { … } }\`.`
  return `| Option | Default | |\n|---|---|---|\n${rows.join('\n')}\n\n${setting}`
}

function claimsText(claims: readonly RuleClaim[]): string {
  if (claims.length === 0) return ''
  const rows = claims.map(
    (claim) => `| ${claim.says} | ${(claim.majors ?? supportedMajors).join(', ')} | ${shown(claim)} |`,
  )
  return (
    'Each line is run on a real server of these versions by every test run of kei.\n\n' +
    `| | PostgreSQL | Seen |\n|---|---|---|\n${rows.join('\n')}`
  )
}

function shown({ locks, rewrites, scans, fails, then }: RuleClaim): string {
  const seen = [
    ...Object.entries(locks ?? {}).map(([relation, mode]) => `${mode} on ${relation}`),
    ...(rewrites === undefined ? [] : [rewrites.length === 0 ? 'no rewrite' : `rewrites ${rewrites.join(', ')}`]),
    ...(scans === undefined ? [] : [scans.length === 0 ? 'no full read' : `reads all of ${scans.join(', ')}`]),
    ...(fails === undefined ? [] : [`fails with SQLSTATE ${fails}`]),
    ...(then === undefined ? [] : ['the state afterwards']),
  ]
  return seen.length === 0 ? 'succeeds' : seen.join('; ')
}

function evidenceText({ needs, about }: Rule): string {
  const words: Partial<Record<Rule['needs'][number], string>> = {
    source: 'the text itself',
    measured: 'kei’s lock table, measured on each supported version',
    trace: 'a trace of the migrations on a shadow server',
    git: 'git',
    catalog: 'your database’s catalogs',
    statistics: 'your database’s statistics',
    plan: 'plans before and after',
    run: 'a run',
  }
  const known = `By ${needs.map((kind) => words[kind]).join(' and ')}.`
  if (about === 'state') return `${known} It is about the schema that the history leaves, so released files count too.`
  if (about === 'change') {
    const counted = 'findings in released files are only counted; `--all` shows them'
    return `${known} It is about running the file, so ${counted}.`
  }
  return known
}

function ignoreText(rule: Rule): string {
  if (rule.subject === 'ignore' || rule.subject === 'unreadable') {
    return `It cannot be ignored by a comment. \`"rules": { "${rule.id}": "off" }\` in \`kei.jsonc\` turns it off.`
  }
  if (fence(rule) === 'conf') {
    return (
      `On the line before, or behind the line, or with \`ignore-file\` anywhere in the file:\n\n` +
      `${block(`# kei: ignore ${rule.id}: the reason`, 'conf')}\n\n` +
      `\`"rules": { "${rule.id}": "off" }\` in \`kei.jsonc\` turns it off everywhere.`
    )
  }
  if (rule.subject === 'database') {
    return `\`"rules": { "${rule.id}": "off" }\` in \`kei.jsonc\` turns it off; its options and severity stand there too.`
  }
  const acknowledged = rule.destructive
    ? '\n\nThe rule is destructive: every report shows the reason, and `kei migrate plan` shows it beside the statement.'
    : ''
  return (
    `Before the statement, or with \`ignore-file\` anywhere in the file:\n\n` +
    `${sqlBlock(`-- kei: ignore ${rule.id}: the reason`)}\n\n` +
    `\`"rules": { "${rule.id}": "off" }\` in \`kei.jsonc\` turns it off everywhere; \`"note"\`, \`"warning"\` and ` +
    `\`"error"\` change its severity.${acknowledged}`
  )
}
