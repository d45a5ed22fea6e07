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
        "Who may mount it: patterns of hosts, networks' names, addresses or CIDR blocks. Never everybody",
      ),
    access: z.enum(['rw', 'ro']).default('rw'),
    squash: z
      .enum(['root', 'all', 'none'])
      .default('root')
      .describe(
        'Whom the server takes for the share’s owner: root of a client, every user of it, or nobody',
      ),
    owner: z
      .strictObject({
        name: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: 'expected a user name' }),
        id,
      })
      .optional()
      .describe(
        'User and group (made with this uid and gid) that own the directory and that squashed users act as; default root, and squashed users are nobody',
      ),
    mode: z
      .string()
      .regex(/^[0-7]{3,4}$/, { error: "expected an octal mode in quotes, such as '0750'" })
      .default('0755')
      .describe('Of the directory, in quotes'),
  })
  .refine(s => s.squash !== 'all' || s.owner !== undefined, {
    error: 'squash: all needs an owner that everybody acts as',
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
      'Instead of nfs_disk: a device by its path, such as a partition of a disk that is shared with something else',
    ),
  nfs_label: z
    .string()
    .regex(/^[\w.-]{1,16}$/, { error: 'expected at most 16 letters, digits, _, . and -' })
    .default('fmc-nfs')
    .describe('Label of the ext4 file system on it, by which it is mounted'),
})

export type Vars = z.output<typeof vars>
export type Share = z.output<typeof share>
