/** Complaints of K3s that ends or waits, and what to do about each. A server answers a wrong token with `not authorized` (k3s, pkg/server/auth). */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /401 Unauthorized|not authorized|invalid token|token CA hash/i,
    'the token in the secrets file (k3s_token, k3s_agent_token) is not the running cluster’s',
  ],
  [
    /critical configuration/i,
    'the servers must have the same k3s_ variables: set them for the group k3s_servers, not for a host',
  ],
  [
    /duplicate node name/i,
    'etcd still has a member of this name: run again for this server, and fmc removes the member',
  ],
  [
    /node password/i,
    'the cluster knows another node of this name: k3s kubectl delete node NAME, then run again',
  ],
  [
    /not yet valid|has expired/i,
    'compare the clocks (timedatectl); if they agree, see fmc play certificates',
  ],
  [/no space left/i, 'make room on its disk (df -h), then run again'],
  [
    /connection refused|no route to host|deadline exceeded|i\/o timeout/i,
    'can it reach the servers on port 6443?',
  ],
]

/** What to do about an error of K3s, and where to read more. */
export const adviceOn = (said: string, unit: string): string =>
  `${ADVICE.find(([pattern]) => pattern.test(said))?.[1] ?? 'its journal says more'} (journalctl -u ${unit}; systemd starts it again every 5 s)`
