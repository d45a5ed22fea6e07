import type { Advice, Advisor } from '../../../lib/index.ts'

/** An error for `fmc lint` if no checksum of the wanted release is known: a run would fail when it downloads it. */
export function releaseUnpinned({
  vars,
  unpinned,
}: Advisor<{ readonly k3s_version: string }>): readonly Advice[] {
  const problem = unpinned('k3s', vars.k3s_version)
  return problem === undefined ? [] : [{ variable: 'k3s_version', severity: 'error', ...problem }]
}
