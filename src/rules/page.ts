import type { Rule, RuleClaim, RuleExample } from './rule.ts'
import { supportedMajors } from './rule.ts'

/** A rule's page in Markdown: what `kei rule NAME` shows and docs/rules/NAME.md holds. */
export function rulePage(rule: Rule): string {
  const parts = [
    `# ${rule.id}`,
    `${rule.summary}.`,
    headline(rule),
    section('Why', rule.why),
    section('Instead', rule.instead),
    section('Examples', ...rule.examples.map(exampleText)),
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

function exampleText({ title, setup, bad, good, majors }: RuleExample): string {
  return [
    `### ${title}`,
    ...(majors === undefined ? [] : [`On PostgreSQL ${majors.join(' and ')}:`]),
    ...(setup === undefined ? [] : [`After a released migration:\n\n${sqlBlock(setup)}`]),
    `Found:\n\n${filesText(bad)}`,
    `Not found:\n\n${filesText(good)}`,
  ].join('\n\n')
}

function filesText(files: RuleExample['bad']): string {
  if (typeof files === 'string') return sqlBlock(files)
  return files.map(({ file, sql }) => `\`${file}\`\n\n${sqlBlock(sql)}`).join('\n\n')
}

function sqlBlock(sql: string): string {
  return `\`\`\`sql\n${sql.trimEnd()}\n\`\`\``
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
