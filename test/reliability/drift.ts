import { random, numberOf } from './cells.ts'
import { asRecorded, exact, silent, sound } from './oracle.ts'
import { cacheFor, start, stopAll, type Place, type Recorded } from './record.ts'
import { perform, type Ran } from './runs.ts'
import type { Verdict } from './case.ts'
import type { LightHost } from './light-host.ts'
import { treeOf } from './trees.ts'

/** What somebody does by hand to what a run has declared: shell text for `$f`, on a kind of thing. */
interface HandChange {
  readonly name: string
  readonly on: 'file' | 'link' | 'directory' | 'line' | 'unit' | 'package'
  readonly script: string
  /** No declaration mends it: the dry run must refuse it, with the reason. */
  readonly refused?: RegExp
}

const change = (
  on: HandChange['on'],
  name: string,
  script: string,
  refused?: RegExp,
): HandChange => ({ on, name, script, ...(refused ? { refused } : {}) })

/** What somebody does by hand. */
export const HAND_CHANGES: readonly HandChange[] = [
  change('file', 'a line is added', 'echo drift >>"$f"'),
  change('file', 'it is emptied', ': >"$f"'),
  change(
    'file',
    'the last newline goes',
    'printf %s "$(cat "$f")" >"$f"; [ -s "$f" ] || echo drift >"$f"',
  ),
  change('file', 'CRLF', 'sed -i "s/$/\\r/" "$f"'),
  change('file', 'mode', 'chmod 0666 "$f"'),
  change('file', 'setuid', 'chmod u+s "$f"'),
  change('file', 'owner', 'chown 12345:12345 "$f"'),
  change('file', 'it is removed', 'rm -f "$f"'),
  change(
    'file',
    'it is made again',
    'cp "$f" /run/copy; rm "$f"; cp /run/copy "$f"; chmod 0600 "$f"',
  ),
  change('file', 'NUL bytes', 'printf "\\0\\0" >>"$f"'),
  change(
    'file',
    'a link in its place',
    'mv "$f" /tmp/moved; ln -s /tmp/moved "$f"',
    /is a link, not a file/,
  ),
  change(
    'file',
    'a directory in its place',
    'rm -f "$f"; mkdir "$f"',
    /is a directory, not a file/,
  ),
  change(
    'file',
    'a FIFO in its place',
    'rm -f "$f"; mkfifo "$f"',
    /is a other, not a file|is an? .*not a file/,
  ),
  change('link', 'another target', 'ln -sfn /tmp "$f"'),
  change('link', 'it is removed', 'rm -f "$f"'),
  change('link', 'a file in its place', 'rm -f "$f"; echo drift >"$f"', /is a file, not a link/),
  change('directory', 'mode', 'chmod 0777 "$f"'),
  change('directory', 'owner', 'chown 12345 "$f"'),
  change(
    'line',
    'the line goes',
    'grep -v "^\\(own\\|added by\\|line\\) new" "$f" >/run/copy || :; cat /run/copy >"$f"',
  ),
  change('line', 'it is commented out', 'sed -i "s/^/# /" "$f"'),
  change('unit', 'it is stopped', 'systemctl stop "$f"'),
  change('unit', 'it is disabled', 'systemctl disable "$f"'),
  change('unit', 'its file is edited', 'echo "# drift" >>"/etc/systemd/system/$f"'),
  change(
    'unit',
    'its file is edited and loaded',
    'echo "# drift" >>"/etc/systemd/system/$f"; systemctl daemon-reload',
  ),
  change(
    'unit',
    'it is masked',
    'systemctl stop "$f"; rm -f "/etc/systemd/system/$f"; ln -s /dev/null "/etc/systemd/system/$f"',
    /is a link, not a file|is masked/,
  ),
  change('package', 'it is removed', 'dpkg --remove "$f" >/dev/null'),
  change('package', 'another version', 'dpkg --force-downgrade -i /opt/repo/tiny_1.deb >/dev/null'),
  change('package', 'it is held', 'echo "$f hold" | dpkg --set-selections'),
]

interface Target {
  readonly host: string
  readonly on: HandChange['on']
  readonly of: string
}

/** What the recorded run has declared, by its task names. */
function targetsOf(r: Recorded): Target[] {
  return r.tasks.flatMap((name): Target[] => {
    const [, host = '', what = '', of = ''] =
      /^(\S+) (file|send|link|directory|line|service|packages) (\S+)/.exec(name) ?? []
    if (host === '') return []
    if (what === 'packages')
      return name
        .split(' ')
        .slice(2)
        .map(p => ({ host, on: 'package' as const, of: p.split('=')[0] ?? '' }))
    const on =
      what === 'send'
        ? 'file'
        : what === 'service'
          ? 'unit'
          : (what as 'file' | 'link' | 'directory' | 'line')
    return [{ host, on, of: on === 'unit' ? `${of}.service` : of }]
  })
}

/** One drift: one to three hand changes on different things that the new version declares; then the dry run, the run, and the next. */
export async function drift(
  place: Place,
  r: Recorded,
  seed: number,
): Promise<Verdict & { readonly what: readonly string[] }> {
  const began = performance.now()
  const next = random(numberOf(`${r.workload.name} ${seed}`))
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!
  const hosts = await start(place, r.workload, r.finished)
  const violations: string[] = []
  const what: string[] = []
  const refusals: RegExp[] = []
  try {
    if (r.workload.units) for (const host of hosts.values()) await host.boot([])
    const targets = targetsOf(r)
    const used = new Set<string>()
    for (let i = 0, n = 1 + Math.floor(next() * 3); i < n; i++) {
      const target = pick(targets)
      const possible = HAND_CHANGES.filter(
        h => h.on === target.on && (h.name !== 'another version' || target.of === 'tiny'),
      )
      const thing = `${target.host} ${target.of.replace('/etc/systemd/system/', '')}`
      if (possible.length === 0 || used.has(thing)) continue
      used.add(thing)
      const hand = pick(possible)
      what.push(`${target.on} ${target.of} on ${target.host}: ${hand.name}`)
      const { code, stderr } = await hosts
        .get(target.host)!
        .sh(`set -e; f='${target.of}'; ${hand.script}`)
      if (code !== 0) throw new Error(`${what.at(-1)}: ${stderr}`)
      if (hand.refused) refusals.push(hand.refused)
    }
    violations.push(...(await mended(place, r, hosts, refusals)))
  } catch (error) {
    violations.push(`the drift could not be played: ${String(error)}`)
  } finally {
    await stopAll(hosts)
  }
  return {
    id: `${r.workload.name}/drift/${seed}`,
    fault: 'edited meanwhile',
    violations: violations.length === 0 ? [] : [what.join('; '), ...violations],
    hit: what.length > 0,
    ms: Math.round(performance.now() - began),
    what,
  }
}

async function mended(
  place: Place,
  r: Recorded,
  hosts: ReadonlyMap<string, LightHost>,
  refusals: readonly RegExp[],
): Promise<string[]> {
  const cache = cacheFor(place, 'drift')
  const again = (dryRun: boolean): Promise<Ran> =>
    perform(place.inventory, hosts, r.workload.plays('new'), { cache, dryRun })
  const trees = (): string =>
    JSON.stringify(
      [...hosts.values()].map(h => [...treeOf(place.base, h.layers, r.workload.restless)]),
    )
  const before = trees()
  const dry = await again(true)
  if (trees() !== before) return ['the dry run has written on a host']
  const refused = dry.failures.filter(f => refusals.some(x => x.test(f)))
  if (refusals.length > 0)
    return dry.code === 2 && refused.length > 0
      ? []
      : [`the dry run refuses nothing: exit code ${dry.code}, ${dry.failures.join('; ')}`]
  const ran = await again(false)
  const next = await again(false)
  return [
    ...sound(dry, 'the dry run'),
    ...exact(dry, ran),
    ...sound(ran, 'the run'),
    ...sound(next, 'the next run'),
    ...(next.changed.length === 0 ? [] : [`the next run still changes ${next.changed.join(', ')}`]),
    ...asRecorded(place.base, hosts, r, 'in the end'),
    ...[dry, ran, next].flatMap(x => silent(x, 'a run')),
  ]
}
