import { ask } from '../facts/index.ts'
import { quote } from '../shell/quote.ts'
import { file } from './file.ts'
import { expect, resource, type Common, type Result } from './resource.ts'

const defineSysctl = resource({
  name: (o: Common & { readonly key: string; readonly value: string }) => `sysctl ${o.key}`,
  check: o =>
    expect(/^[\w.\-/]+$/.test(o.key), `${JSON.stringify(o.key)} is not a kernel parameter`),
  needs: o => ({ now: ask('sysctl', o.key) }),
  plan({ key, value }, { now }, { doubt }) {
    if (now === value) return []
    expect(now !== null || doubt, `this kernel has no parameter ${key}`)
    return [
      {
        what: `${now ?? 'unset'} → ${value}`,
        script: `printf %s ${quote(value)} >/proc/sys/${key.replaceAll('.', '/')}`,
        leaves: [[ask('sysctl', key), value]],
      },
    ]
  },
})

/** A kernel parameter, now and (in /etc/sysctl.d/90-fmc-KEY.conf) after a reboot (sysctl.d(5)). */
export async function sysctl(
  key: string,
  value: string | number,
  options: Common = {},
): Promise<Result> {
  const text = String(value)
  const kept = await file(`/etc/sysctl.d/90-fmc-${key.replaceAll('/', '.')}.conf`, {
    ...options,
    content: `${key} = ${text}\n`,
  })
  const now = await defineSysctl({ key, value: text, ...options })
  return { changed: kept.changed || now.changed }
}

const defineModule = resource({
  name: (o: Common & { readonly module: string }) => `kernel module ${o.module}`,
  check: o => expect(/^[\w-]+$/.test(o.module), `${JSON.stringify(o.module)} is not a module name`),
  needs: o => ({ loaded: ask('module', o.module) }),
  plan: (o, { loaded }) =>
    loaded
      ? []
      : [
          {
            what: 'load',
            script: `modprobe -- ${quote(o.module)}`,
            leaves: [[ask('module', o.module), true]],
          },
        ],
})

/** A kernel module, now and (in /etc/modules-load.d/fmc-NAME.conf) after a reboot (modules-load.d(5)). */
export async function kernelModule(name: string, options: Common = {}): Promise<Result> {
  const kept = await file(`/etc/modules-load.d/fmc-${name}.conf`, {
    ...options,
    content: `${name}\n`,
  })
  const now = await defineModule({ module: name, ...options })
  return { changed: kept.changed || now.changed }
}
