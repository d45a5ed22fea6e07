import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../paths.ts'
import { fmcSpec, toolVersions } from './fmc-spec.ts'
import { inventoryText, SCHEMA, type Answers } from './inventory-text.ts'

/** Relative paths and texts. */
export type Files = Readonly<Record<string, string>>

/** The files of a new project. `answers: 'seed'`: the inventory of the cloud that fmc was written for, which fmc's own site builds. */
export function projectFiles(name: string, answers: Answers | 'seed'): Files {
  const seed = answers === 'seed'
  const hosts = seed ? ['worker1'] : answers.hosts.map(h => h.name)
  return {
    'inventory.yaml': seed ? seedInventory() : inventoryText(answers),
    [seed ? 'playbooks/motd.ts' : 'playbooks/site.ts']: playbook(seed ? 'motd' : 'site'),
    ...exampleRole(hosts),
    'package.json': `${JSON.stringify(
      {
        name,
        private: true,
        type: 'module',
        scripts: { test: 'fmc test', check: 'tsc && eslint . && fmc lint' },
        dependencies: { fmc: fmcSpec() },
        devDependencies: toolVersions(),
      },
      undefined,
      2,
    )}\n`,
    'tsconfig.json': TSCONFIG,
    'eslint.config.js': "export { default } from 'fmc/eslint'\n",
    '.npmrc': 'ignore-scripts=true\n',
    '.gitignore': 'node_modules/\n*.log\nidentity.txt\n',
    'README.md': readme(name, seed),
  }
}

const seedInventory = (): string =>
  readFileSync(join(packageRoot(), 'inventory.yaml'), 'utf8')
    .replace(/^# yaml-language-server:.*\n/, SCHEMA)
    .replace(/^all:\n {2}vars: \{\}$/m, 'all:\n  vars:\n    motd_contact: ops@cloud.internal')

const playbook = (name: string): string => `import { play, playbook } from 'fmc'
import motd from '../roles/motd/index.ts'

export default playbook('${name}', [play('Message at login', { hosts: 'all', roles: [motd] })])
`

function exampleRole(hosts: readonly string[]): Files {
  const dir = join(packageRoot(), 'files', 'project', 'roles', 'motd')
  return Object.fromEntries(
    readdirSync(dir).map(file => [
      `roles/motd/${file}`,
      readFileSync(join(dir, file), 'utf8')
        .replaceAll('@HOSTS@', hosts.slice(0, 2).join(','))
        .replaceAll('@FIRST@', hosts[0] ?? ''),
    ]),
  )
}

const TSCONFIG = `{
  "compilerOptions": {
    "strict": true,
    "noEmit": true,
    "module": "nodenext",
    "target": "es2023",
    "lib": ["es2023"],
    "types": ["node"],
    "allowImportingTsExtensions": true
  },
  "include": ["roles", "playbooks", "test"]
}
`

const readme = (name: string, seed: boolean): string => `# ${name}

Hosts are in \`inventory.yaml\`, what runs on them in \`playbooks/\`, how in \`roles/\`.

\`\`\`sh
npm install
npx fmc lint                          # is the inventory right?
sudo npx fmc play ${seed ? 'motd' : 'site'} --lab         # rehearse it, in machines on this computer
\`\`\`

Then on the real hosts: \`npx fmc play ${seed ? 'motd' : 'site'} --dry-run --diff\` shows what would change, and without \`--dry-run\` fmc changes it.

- \`npm test\` runs the tests of the roles (\`sudo npm test\` also those that use the lab), \`npm run check\` checks types and code.
- \`npx fmc list\` shows this project's playbooks and roles and fmc's own, \`npx fmc doc ROLE\` explains one.
- Secrets: \`npx fmc secrets init\`, then \`npx fmc secrets set NAME\`. The encrypted file \`secrets.age\` may be committed, your
  identity may not.
- The manual is in \`node_modules/fmc/docs/\`.
`
