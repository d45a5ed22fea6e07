import { role, z, type Play, type Role } from '../../../lib/index.ts'

/** A role of these tasks; it keeps its name in both versions, as its marks on hosts do. */
export const roleOf = (
  name: string,
  body: (host: string) => Promise<unknown>,
  handlers: Parameters<typeof role>[0]['handlers'] = {},
): Role =>
  role({
    name,
    summary: 'for the proof at scale',
    vars: z.object({}),
    handlers,
    async tasks({ host }) {
      await body(host.name)
    },
  })

/** One play of one role. */
export const playOf = (r: Role, hosts = 'a', more: Partial<Omit<Play, 'roles'>> = {}): Play => ({
  name: `play ${r.name}`,
  hosts,
  ...more,
  roles: [r],
})
