import { ask, resource, type Common, type Result } from '../../lib/index.ts'

const define = resource({
  name: (o: Common & { readonly name: string }) => `SELinux boolean ${o.name}`,
  needs: o => ({
    now: ask('command', `getsebool ${o.name}`, {
      code: 0,
      stdout: `${o.name} --> off\n`,
      stderr: '',
    }),
  }),
  plan({ name }, { now }) {
    if (now.stdout.trim() !== `${name} --> off`) return []
    const on = { code: 0, stdout: `${name} --> on\n`, stderr: '' }
    return [
      {
        what: 'off → on',
        script: `setsebool -P ${name} on`,
        factsAfter: [[ask('command', `getsebool ${name}`), on]],
      },
    ]
  },
})

/** Switches an SELinux boolean on. Does nothing where SELinux is disabled or has no such boolean (getsebool(8) fails). */
export const selinuxBoolean = (name: 'haproxy_connect_any'): Promise<Result> => define({ name })
