import { z } from '../../lib/index.ts'

export const vars = z.object({
  freeipa_client_homes: z
    .boolean()
    .default(true)
    .describe("Make a user's home directory at the first login. Read when a host is enrolled"),
  freeipa_client_sshd: z
    .boolean()
    .default(false)
    .describe(
      'true: sshd and ssh also take keys and tickets that FreeIPA holds. false: they stay as they are. Read when a host is enrolled',
    ),
})

export type Vars = z.output<typeof vars>
