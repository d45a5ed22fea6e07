/** What K3s says when it gives up, and what to do about it. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /401 Unauthorized|invalid token|token CA hash/i,
    'the token in the secrets file is not the one of the running cluster (k3s_token, k3s_agent_token)',
  ],
  [
    /critical configuration/i,
    'the servers must have the same k3s_ variables: set them for the group k3s_servers, not for a host',
  ],
  [
    /duplicate node name/i,
    'etcd still has a member of this name: run again for this server, which removes it',
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

export const adviceOn = (said: string, unit: string): string =>
  `${ADVICE.find(([pattern]) => pattern.test(said))?.[1] ?? 'it says more in its journal'} (journalctl -u ${unit}; systemd starts it again every 5 s)`
