import { z } from '../../lib/index.ts'

const PATH = /^(\/[A-Za-z0-9][\w.-]*)+$/
const path = z
  .string()
  .regex(PATH, { error: 'expected an absolute path of letters, digits, _, . and -' })
const id = z.int().min(1).max(4_294_967_293)

export const share = z
  .strictObject({
    path: path.describe('Directory to export; below nfs_root'),
    clients: z
      .array(z.string().min(1))
      .min(1)
      .describe(
        'Who may mount it: patterns of hosts, names of networks, addresses or CIDR blocks. A client that would match everybody is refused',
      ),
    access: z.enum(['rw', 'ro']).default('rw'),
    squash: z
      .enum(['root', 'all', 'none'])
      .default('root')
      .describe(
        'Which users of a client act as the owner: root, all, or none (then root of a client is root on the share)',
      ),
    owner: z
      .strictObject({
        name: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: 'expected a user name' }),
        id,
      })
      .optional()
      .describe(
        'User and group that own the directory and that squashed users act as; the role makes them with this uid and gid. Default: root owns it, and squashed users act as nobody',
      ),
    mode: z
      .string()
      .regex(/^[0-7]{3,4}$/, { error: "expected an octal mode in quotes, such as '0750'" })
      .default('0755')
      .describe('Mode of the directory, in quotes'),
  })
  .refine(s => s.squash !== 'all' || s.owner !== undefined, {
    error: 'squash: all needs an owner that all users act as',
    path: ['owner'],
  })

export const vars = z.object({
  nfs_exports: z.array(share).min(1).describe('Directories to serve, each with its clients'),
  nfs_root: path.default('/srv/nfs').describe('Where the data disk is mounted'),
  nfs_disk: z.string().default('data').describe("Name of the data disk in the host's `disks`"),
  nfs_device: z
    .string()
    .regex(/^\/dev\/[\w./:-]+$/, { error: 'expected a path below /dev' })
    .optional()
    .describe(
      'Instead of nfs_disk: the path of a device, such as a partition of a disk that also holds something else',
    ),
  nfs_label: z
    .string()
    .regex(/^[\w.-]{1,16}$/, { error: 'expected at most 16 letters, digits, _, . and -' })
    .default('fmc-nfs')
    .describe('Label of the ext4 file system on it, by which it is mounted'),
})

export type Vars = z.output<typeof vars>
export type Share = z.output<typeof share>
