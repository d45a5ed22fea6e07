import { directory, file } from '../../lib/index.ts'

const POLICIES = '/etc/firewalld/policies'

/** firewalld.policy(5). ANY to ANY is what is routed; what is for the host itself stays with its zones. */
const POLICY = `<?xml version="1.0" encoding="utf-8"?>
<!-- Managed by fmc -->
<policy priority="-1" target="ACCEPT">
  <ingress-zone name="ANY"/>
  <egress-zone name="ANY"/>
</policy>
`

/** What the handler that is notified has to run. */
export const RELOAD = '! systemctl is-active -q firewalld || firewall-cmd -q --reload'

/** firewalld, where it runs, passes on what a router routes: by itself it rejects what goes to bridges that are in no zone. */
export async function firewalldRoutes(notify: string): Promise<void> {
  await directory(POLICIES)
  await file(`${POLICIES}/fmc-routed.xml`, { content: POLICY, notify })
}
