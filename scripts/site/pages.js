import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The order of the pages of docs/ by what a reader wants. A page that is not here is a how-to. */
const GROUPS = {
  Tutorial: ['tutorial'],
  'How to': [
    ...['own-cloud', 'dry-run', 'plans', 'drift', 'write-a-role', 'lab', 'from-ansible'],
    ...['operations', 'ssh', 'contributing'],
  ],
  Explanation: ['explanation', 'security', 'architecture', 'dependencies'],
  Reference: ['cli'],
}

const titleOf = text => /^# +(.+)$/m.exec(text)?.[1]?.replace(/`/g, '') ?? 'fmc'

/**
 * The pages of the site: those of docs/, README and SECURITY.md, those of roles and playbooks. Each with its file in the
 * repository, its address in the site, its title, its group and its Markdown.
 */
export function pagesOf(root) {
  const page = (file, url, group) => {
    const text = readFileSync(join(root, file), 'utf8')
    return { file, url, group, title: titleOf(text), text }
  }
  const listed = Object.values(GROUPS).flat()
  const names = readdirSync(join(root, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => name.slice(0, -3))
  const others = names.filter(name => !listed.includes(name))
  const docs = Object.entries(GROUPS).flatMap(([group, own]) =>
    [...own, ...(group === 'How to' ? others : [])]
      .filter(name => names.includes(name))
      .map(name => page(`docs/${name}.md`, `${name}.html`, group)),
  )
  const roles = readdirSync(join(root, 'roles')).filter(name =>
    existsSync(join(root, 'roles', name, 'README.md')),
  )
  return [
    page('README.md', 'index.html', ''),
    ...docs,
    page('SECURITY.md', 'security-policy.html', 'Explanation'),
    page('playbooks/README.md', 'playbooks.html', 'Runbooks'),
    ...roles.map(name => page(`roles/${name}/README.md`, `roles/${name}.html`, 'Runbooks')),
  ]
}
