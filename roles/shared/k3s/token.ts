import { reveal, Secret } from '../../../lib/index.ts'

/**
 * A join token that trusts one certificate authority only (docs.k3s.io/cli/token, "secure"); `ca`: the hash that K3s
 * itself writes into its token file, undefined: the token as it is. A founder cannot have one.
 */
export const pinned = (token: Secret, user: 'server' | 'node', ca: string | undefined): Secret =>
  ca === undefined || reveal(token).startsWith('K10')
    ? token
    : new Secret(`K10${ca}::${user}:${reveal(token)}`, token.name)
