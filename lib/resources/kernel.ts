import { basename } from 'node:path/posix'
import { TaskError } from '../errors.ts'
import { ask, type SysctlFilesFact } from '../facts/index.ts'
import { blanks, procFile } from '../facts/kernel.ts'
import { quote } from '../shell/quote.ts'
import { file } from './file.ts'
import { checkTask, expect, resource, type Common, type Result } from './resource.ts'
import { atBoot } from './sysctl-order.ts'

/** The file that sets it at boot. */
const fileOf = (key: string): string => `/etc/sysctl.d/90-fmc-${key.replaceAll('/', '.')}.conf`
const lineOf = (key: string, value: string): string => `${key} = ${value}`

/** Throws TaskError if another file would set the parameter to another value at boot. */
function checkBoot(key: string, value: string, files: SysctlFilesFact, host: string): void {
  if (files === 'unknown') return
  const path = fileOf(key)
  const own = { path, target: undefined, lines: [[1, lineOf(key, value)] as const] }
  const last = atBoot([own, ...files.filter(file => file.path !== path)], key)
  if (last === undefined || last.file.path === path || last.value === blanks(value)) return
  const { path: read, target: file = read } = last.file
  const link = file === read ? '' : ` (${read})`
  const comment = `sed ${quote(`${last.line}s/^/# /`)} ${quote(file)}`
  // What is in /usr belongs to a package: a file of the same name in /etc takes its place.
  const mend = file.startsWith('/usr/')
    ? `put a copy of the file without it in its place: fmc run ${host} -- ${quote(`${comment} >/etc/sysctl.d/${basename(read)}`)}`
    : `make that line a comment, or remove it: fmc run ${host} -- ${comment.replace('sed ', 'sed -i ')}`
  throw new TaskError(
    `after a reboot ${key} would be ${last.value}, not ${value}: ${file}:${last.line}${link} says "${last.text}", and systemd-sysctl reads it after ${path}`,
    { hint: mend },
  )
}

const defineSysctl = resource({
  name: (o: Common & { readonly key: string; readonly value: string }) => `sysctl ${o.key}`,
  needs: o => ({ now: ask('sysctl', o.key), files: ask('sysctlFiles', '') }),
  plan({ key, value }, { now, files }, { doubt, host }) {
    checkBoot(key, value, files, host)
    if (now === blanks(value)) return []
    expect(now !== null || doubt, `this kernel has no parameter ${key}`)
    return [
      {
        what: `${now ?? 'unset'} → ${value}`,
        script: `printf %s ${quote(value)} >${quote(procFile(key))}`,
        factsAfter: [[ask('sysctl', key), blanks(value)]],
      },
    ]
  },
})

/**
 * Sets a kernel parameter, now and after a reboot (in /etc/sysctl.d/90-fmc-KEY.conf; sysctl.d(5)).
 *
 * @param key - such as net.ipv4.ip_forward, or net/ipv4/conf/eth0.100/forwarding for a name with a dot
 * @throws TaskError for a malformed key or value, when the kernel does not have the parameter, and when another file, such as
 * /etc/sysctl.conf, would set it to another value at boot: the error names the file and the line.
 *
 * @example
 * await sysctl('net.ipv4.ip_forward', 1)
 */
export async function sysctl(
  key: string,
  value: string | number,
  options: Common = {},
): Promise<Result> {
  const text = String(value)
  await checkTask(`sysctl ${key}`, () => {
    expect(
      /^[\w-]+([./][\w:@-]+)+$/.test(key),
      `${JSON.stringify(key)} is not a kernel parameter such as net.ipv4.ip_forward`,
    )
    expect(/^[^\n\0]+$/.test(text), `${JSON.stringify(text)} is not a value of a kernel parameter`)
  })
  const kept = await file(fileOf(key), { ...options, content: `${lineOf(key, text)}\n` })
  const now = await defineSysctl({ key, value: text, ...options })
  return { changed: kept.changed || now.changed }
}

const defineModule = resource({
  name: (o: Common & { readonly module: string }) => `kernel module ${o.module}`,
  needs: o => ({ loaded: ask('module', o.module) }),
  plan: (o, { loaded }) =>
    loaded
      ? []
      : [
          {
            what: 'load',
            script: `modprobe -- ${quote(o.module)}`,
            factsAfter: [[ask('module', o.module), true]],
          },
        ],
})

/**
 * Loads a kernel module, now and after a reboot (in /etc/modules-load.d/fmc-NAME.conf; modules-load.d(5)).
 *
 * @throws TaskError for a malformed name, and when modprobe fails.
 *
 * @example
 * await kernelModule('br_netfilter')
 */
export async function kernelModule(name: string, options: Common = {}): Promise<Result> {
  await checkTask(`kernel module ${name}`, () =>
    expect(/^[\w-]+$/.test(name), `${JSON.stringify(name)} is not a module name`),
  )
  const kept = await file(`/etc/modules-load.d/fmc-${name}.conf`, {
    ...options,
    content: `${name}\n`,
  })
  const now = await defineModule({ module: name, ...options })
  return { changed: kept.changed || now.changed }
}
