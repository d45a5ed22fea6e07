// npm run docs: builds the documentation site into dist-docs/, without network, and checks its links.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pagesOf } from './pages.js'
import { slug } from './slug.js'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../..')
const out = join(root, 'dist-docs')

if (!existsSync(join(here, 'node_modules/@11ty/eleventy'))) {
  process.stderr.write('the site needs its generator, once: npm ci --prefix scripts/site\n')
  process.exit(1)
}
process.chdir(root)
const reference = JSON.parse(
  execFileSync(process.execPath, ['scripts/run.js', 'scripts/site/write-reference.ts'], {
    maxBuffer: 64 * 1024 * 1024,
  }).toString(),
).map(({ name, text }) => ({
  file: `reference/${name}.md`,
  url: `reference/${name}.html`,
  group: 'Reference',
  title: /^# (.+)$/m.exec(text)[1],
  text,
}))
const pages = [...pagesOf(root), ...reference]
const byFile = new Map(pages.map(page => [page.file, page]))

/** Where a link of a page leads in the site: another page, a file that is copied, another site; undefined: nowhere. */
const targetOf = (page, href) => {
  if (/^[a-z]+:/i.test(href)) return href
  const [path = '', hash] = href.split('#')
  const end = hash === undefined ? '' : `#${hash}`
  if (path === '') return end
  const file = posix.join(posix.dirname(page.file), path)
  const known = byFile.get(file) ?? byFile.get(posix.join(file, 'README.md'))
  const url = known?.url ?? (file === 'docs/cloud.svg' ? 'cloud.svg' : undefined)
  return url && posix.relative(posix.dirname(page.url), url) + end
}

/** Ids for headings, and links of the site. A link to a file that is no page of the site becomes its text. */
const site = markdown => {
  markdown.core.ruler.push('site', state => {
    const page = byFile.get(state.env.source)
    const seen = new Map()
    for (const [i, token] of state.tokens.entries()) {
      if (token.type === 'heading_open') {
        const inline = state.tokens[i + 1]
        const words = inline.children.filter(t => t.type === 'text' || t.type === 'code_inline')
        const id = slug(words.map(t => t.content).join(''))
        const times = seen.get(id) ?? 0
        seen.set(id, times + 1)
        token.attrSet('id', times === 0 ? id : `${id}-${times}`)
      }
      let dropped = false
      for (const inner of token.children ?? []) {
        const name =
          inner.type === 'link_open' ? 'href' : inner.type === 'image' ? 'src' : undefined
        if (name) {
          const target = targetOf(page, inner.attrGet(name))
          dropped = target === undefined
          if (dropped) inner.attrs = []
          else inner.attrSet(name, target)
        }
        if (dropped && inner.type.startsWith('link_')) inner.tag = 'span'
        if (inner.type === 'link_close') dropped = false
      }
    }
  })
}

rmSync(out, { recursive: true, force: true })
const { default: Eleventy } = await import('@11ty/eleventy')
const eleventy = new Eleventy('scripts/site/content', 'dist-docs', {
  quietMode: true,
  configPath: null,
  config(eleventyConfig) {
    eleventyConfig.setIncludesDirectory('../_includes')
    eleventyConfig.amendLibrary('md', markdown => {
      markdown.set({ html: false, linkify: false })
      markdown.use(site)
    })
    const groups = [...new Set(pages.map(page => page.group))]
      .filter(group => group !== '')
      .map(name => ({ name, pages: pages.filter(page => page.group === name) }))
    eleventyConfig.addGlobalData('groups', groups)
    for (const { file, url, title, text } of pages)
      eleventyConfig.addTemplate(`${url.replace(/\.html$/, '')}.md`, text, {
        ...{ layout: 'page.njk', permalink: url, title, source: file, url },
        ...{ up: '../'.repeat(url.split('/').length - 1), templateEngineOverride: 'md' },
      })
  },
})
await eleventy.write()
copyFileSync(join(root, 'docs/cloud.svg'), join(out, 'cloud.svg'))
copyFileSync(join(here, 'site.css'), join(out, 'site.css'))

// Every link leads to a file of the site, and every anchor to an id in it.
const html = dir =>
  readdirSync(dir).flatMap(name => {
    const path = join(dir, name)
    return statSync(path).isDirectory() ? html(path) : name.endsWith('.html') ? [path] : []
  })
const files = html(out)
const idsOf = new Map(
  files.map(file => [
    file,
    new Set([...readFileSync(file, 'utf8').matchAll(/ id="([^"]*)"/g)].map(m => m[1])),
  ]),
)
const dead = files.flatMap(file =>
  [...readFileSync(file, 'utf8').matchAll(/ (?:href|src)="([^"]*)"/g)].flatMap(([, link]) => {
    if (/^[a-z]+:/i.test(link)) return []
    const [path, hash] = link.split('#')
    const target = path === '' ? file : join(dirname(file), path)
    const fine =
      existsSync(target) && (!hash || (idsOf.get(target)?.has(decodeURIComponent(hash)) ?? false))
    return fine ? [] : [`${file.slice(out.length + 1)}: ${link}`]
  }),
)
if (files.length !== pages.length) dead.push(`${pages.length} pages, but ${files.length} files`)
for (const line of dead) process.stderr.write(`dead link: ${line}\n`)
process.stdout.write(`dist-docs/: ${files.length} pages\n`)
process.exitCode = dead.length > 0 ? 1 : 0
