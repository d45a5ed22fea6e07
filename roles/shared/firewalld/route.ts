import { directory, file } from '../../../lib/index.ts'

const POLICIES = '/etc/firewalld/policies'

/** firewalld.policy(5). ANY to ANY concerns forwarded packets; packets for the host itself stay with its zones. */
const POLICY = `<?xml version="1.0" encoding="utf-8"?>
<!-- Managed by fmc -->
<policy priority="-1" target="ACCEPT">
  <ingress-zone name="ANY"/>
  <egress-zone name="ANY"/>
</policy>
`

/** Script for the notified handler. A reload drops openings that are not permanent (SSH, maybe), so it refuses to reload then. */
export const RELOAD = `systemctl -q is-active firewalld || exit 0
lets_in() { firewall-cmd "$@" --list-all | sed -n '/^ *\\(services\\|ports\\|protocols\\|sources\\):/p; /rich rules/,$p'; }
[ "$(lets_in)" = "$(lets_in --permanent)" ] || {
  echo 'firewalld lets in now what it would not after a reload: firewall-cmd --runtime-to-permanent, or --reload by hand' >&2
  exit 1
}
firewall-cmd -q --reload`

/** firewalld forwards what this router routes: by default it rejects packets to bridges that are in no zone. */
export async function firewalldRoutes(notify: string): Promise<void> {
  await directory(POLICIES)
  await file(`${POLICIES}/fmc-routed.xml`, { content: POLICY, notify })
}
