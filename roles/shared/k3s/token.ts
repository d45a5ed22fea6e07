import { reveal, Secret } from '../../../lib/index.ts'

/**
 * A join token that trusts one certificate authority only (docs.k3s.io/cli/token, "secure"). `ca` is the hash from
 * K3s's own token file; undefined leaves the token as it is: the founder of a cluster has no authority yet.
 */
export const pinned = (token: Secret, user: 'server' | 'node', ca: string | undefined): Secret =>
  ca === undefined || reveal(token).startsWith('K10')
    ? token
    : new Secret(`K10${ca}::${user}:${reveal(token)}`, token.name)
