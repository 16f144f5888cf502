import { defineRule } from '../rule.ts'
import { effective } from './effective-setting.ts'
import { settingVerdict } from './setting-verdict.ts'

export default defineRule({
  id: 'require-scram',
  since: '0.1.0',
  severity: 'warning',
  category: 'settings',
  subject: 'settings',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'New passwords are stored as MD5',
  why:
    'An MD5 hash from pg_authid or a backup is as good as the password: whoever has it can log in with it. It is fast to ' +
    'try passwords against, too. PostgreSQL 18 says that MD5 passwords are deprecated and will go away.',
  instead:
    'password_encryption = scram-sha-256, the default since PostgreSQL 14. Roles keep their old hash until their password ' +
    'is set again; after that, write scram-sha-256 for md5 in pg_hba.conf.',
  examples: [
    {
      title: 'MD5 for new passwords',
      bad: 'port = 5432\npassword_encryption = md5',
      at: 'password_encryption = md5',
      good: "port = 5432\npassword_encryption = 'scram-sha-256'",
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/auth-password.html',
    'https://www.postgresql.org/docs/18/release-18.html#RELEASE-18-MIGRATION',
  ],
  options: {},
  claims: [],
  *check(settings, { major }) {
    const { setting, value } = effective(settings, 'password_encryption', major)
    if (setting === undefined || value !== 'md5') return
    yield settingVerdict(settings, setting, {
      message: 'new passwords are stored as MD5, which is as good as the password to whoever reads it',
      next:
        'Set password_encryption = scram-sha-256, reload, and set the passwords of the roles with an MD5 hash again: ' +
        "SELECT rolname FROM pg_authid WHERE rolpassword LIKE 'md5%'.",
    })
  },
})
