/** The style sheet of the report: light and dark as the reader's system says, one column on a narrow screen. */
export const STYLE = `
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2128;--soft:#59636e;--line:#d5dae0;--card:#f5f7f9;--ok:#b9c3cd;--changed:#c77d00;--failed:#cf222e;--unreachable:#8250df;--skipped:#6cb6d9;--connect:#dfe4e9;--path:#0b62d6;--add:#dff5e3;--del:#fde5e5;--plan:#e3edf9;--apply:#fbefd9;--verify:#e2f3e6}
@media (prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#dfe5ec;--soft:#96a1ad;--line:#343c46;--card:#1c2229;--ok:#4e5b68;--changed:#d9982f;--failed:#f4606a;--unreachable:#b08cf5;--skipped:#3f7d99;--connect:#323b45;--path:#66a8ff;--add:#16351f;--del:#43191d;--plan:#1d2c40;--apply:#3a2e16;--verify:#1b3323}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:75rem;padding:1.25rem;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:0 0 .3rem;line-height:1.25}h2{font-size:1.1rem;margin:2rem 0 .6rem}
code,pre,.t{font:13px/1.45 ui-monospace,Menlo,Consolas,monospace}
pre{margin:.4rem 0;padding:.6rem .8rem;background:var(--card);border:1px solid var(--line);border-radius:6px;white-space:pre-wrap}
.soft{color:var(--soft)}.meta{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.8rem 0}.meta dt{color:var(--soft)}.meta dd{margin:0}
.badge{display:inline-block;padding:.05rem .6rem;border-radius:1rem;color:#fff;background:#1a7f37;font-size:.85rem;font-weight:600;vertical-align:middle}
.badge.failed{background:#cf222e}.badge.dry{background:#57606a}.badge.killed{background:#8250df}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(7.5rem,1fr));gap:.6rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.5rem .8rem}.card b{display:block;font-size:1.5rem;line-height:1.2}
.card.changed b{color:var(--changed)}.card.failed b{color:var(--failed)}.card.unreachable b{color:var(--unreachable)}.card.zero b{color:var(--soft)}
.fail{border:1px solid var(--line);border-left:4px solid var(--failed);border-radius:6px;padding:.5rem .8rem;margin:.6rem 0}.fail.unreachable{border-left-color:var(--unreachable)}.fail p{margin:.2rem 0}
details{border:1px solid var(--line);border-radius:6px;margin:.5rem 0;padding:0 .8rem}details[open]{padding-bottom:.5rem}summary{cursor:pointer;padding:.4rem 0}
details details{margin:.3rem 0}ul{padding-left:1.1rem;margin:.3rem 0}li{margin:.15rem 0}
.a{display:block;background:var(--add)}.d{display:block;background:var(--del)}.h{display:block;color:var(--soft)}.n{display:block}
table{border-collapse:collapse;width:100%}th,td{text-align:right;padding:.15rem .5rem;border-bottom:1px solid var(--line)}th:first-child,td:first-child,td.l,th.l{text-align:left}th{color:var(--soft);font-weight:500}th,td.w,td:not(.l){white-space:nowrap}
.row{display:grid;grid-template-columns:minmax(4rem,11rem) 1fr;gap:.6rem;align-items:center}
.row .name{white-space:nowrap;overflow:hidden;text-overflow:ellipsis;font-size:.85rem}.row.crit .name{color:var(--path);font-weight:600}
svg{display:block;width:100%;height:14px}.many svg{height:10px}.many .name{font-size:.75rem;line-height:1.15}
.ok{fill:var(--ok)}.changed{fill:var(--changed)}.failed{fill:var(--failed)}.unreachable{fill:var(--unreachable)}.skipped{fill:var(--skipped)}.connect{fill:var(--connect)}
.path{fill:var(--path)}.grid{fill:var(--line)}.plan{fill:var(--plan)}.apply{fill:var(--apply)}.verify{fill:var(--verify)}
.ticks{display:grid;grid-template-columns:repeat(4,1fr);font-size:.75rem;color:var(--soft)}.ticks span{border-left:1px solid var(--line);padding-left:.25rem}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.8rem;color:var(--soft);margin:.5rem 0}.legend svg{width:.9rem;height:.7rem;display:inline-block;margin-right:.3rem}
#search{position:sticky;top:0;background:var(--bg);padding:.5rem 0;z-index:1}#search input{width:100%;padding:.45rem .7rem;font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:6px}
[hidden]{display:none!important}
@media (max-width:40rem){body{padding:.8rem}.meta{grid-template-columns:1fr;gap:0}.meta dd{margin-bottom:.4rem}.row{grid-template-columns:4.8rem 1fr;gap:.4rem}.row .name{font-size:.75rem}th,td{padding:.15rem .25rem;font-size:.8rem}.o{display:none}}
@media print{#search{display:none}}
`

/** Search: hides what does not have the text, and opens what has it. The page is complete without it. */
export const SCRIPT = `
const box=document.getElementById('search'),input=box.querySelector('input'),said=box.querySelector('span')
const parts=[...document.querySelectorAll('[data-q]')].map(e=>[e,e.textContent.toLowerCase()])
const folds=[...document.querySelectorAll('details')].map(e=>[e,e.open])
box.hidden=false
input.addEventListener('input',()=>{
  const word=input.value.trim().toLowerCase()
  let found=0
  for(const [e,text] of parts){const has=text.includes(word);e.hidden=!has;if(has)found++}
  for(const [e,was] of folds)e.open=word?!!e.querySelector('[data-q]:not([hidden])')||e.matches('[data-q]:not([hidden])'):was
  said.textContent=word?found+' found':''
})
`
