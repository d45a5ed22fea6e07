import { cleanLine } from '../text/sanitise.ts'
import { changeOf, headOf, hostOf, type PlanView, type ShownTask } from './view.ts'

/** How the file begins: fmc replaces only a file of its own. */
export const HTML_HEAD = '<!doctype html><!-- a plan of fmc -->'

const STYLE = `:root{color-scheme:light dark;--line:#8884;--add:#2da44e22;--del:#cf222e22}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;overflow-wrap:anywhere}dt{opacity:.75}dd{margin:0}
table{border-collapse:collapse;width:100%}td,th{border-top:1px solid var(--line);padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
pre{margin:.3rem 0;overflow-x:auto;font-size:.85rem}pre span{display:block}.add{background:var(--add)}.del{background:var(--del)}
@media(max-width:45rem){thead{display:none}tr,td{display:block}td{border:0;padding:0}tr{border-top:1px solid var(--line);padding:.4rem 0}}`

const escaped = (text: string): string =>
  cleanLine(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')

/** The plan as one HTML file: no script, nothing from elsewhere, every text escaped. */
export function viewHtml(view: PlanView): string {
  const hosts = [...new Set(view.tasks.map(hostOf))]
  return `${HTML_HEAD}
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Plan: ${escaped(view.command)}</title><style>${STYLE}</style></head><body>
<h1>Plan: ${escaped(view.command)}</h1>
<dl>${headOf(view)
    .map(([label, text]) => `<dt>${label}</dt><dd>${escaped(text)}</dd>`)
    .join('\n')}</dl>
${hosts.map(host => hostTable(host, view.tasks)).join('\n')}
</body></html>
`
}

const hostTable = (host: string, tasks: readonly ShownTask[]): string => `<h2>${escaped(host)}</h2>
<table><thead><tr><th>play</th><th>role</th><th>task</th><th>would change</th></tr></thead><tbody>
${tasks
  .filter(task => hostOf(task) === host)
  .map(
    task =>
      `<tr>${[task.play, task.role, task.task].map(text => `<td>${escaped(text)}</td>`).join('')}<td>${escaped(changeOf(task))}${task.diffs.map(diffHtml).join('')}</td></tr>`,
  )
  .join('\n')}
</tbody></table>`

const diffHtml = (diff: string): string =>
  `<pre>${diff
    .replace(/\n$/, '')
    .split('\n')
    .map(line => {
      const kind = /^\+(?!\+\+ )/.test(line)
        ? ' class="add"'
        : /^-(?!-- )/.test(line)
          ? ' class="del"'
          : ''
      return `<span${kind}>${escaped(line) || ' '}</span>`
    })
    .join('')}</pre>`
