import type { Target } from '../harness.ts'
import { clusters } from './cluster.ts'
import { engine } from './engine.ts'
import { facts } from './facts.ts'
import { firewalls } from './firewall.ts'
import { hypervisor } from './hypervisor.ts'
import { imports } from './import.ts'
import { inventories } from './inventory.ts'
import { k3sAnswers } from './k3s.ts'
import { knownHostsFiles } from './known-hosts.ts'
import { kubeconfigs } from './kubeconfig.ts'
import { patternsAndGroups } from './patterns.ts'
import { reports } from './report.ts'
import { secrets } from './secrets.ts'
import { services } from './services.ts'
import { ssh } from './ssh.ts'

/** All parsers of foreign data: from hosts, people and kept files. */
export const TARGETS: readonly Target[] = [
  ...[facts, ssh, knownHostsFiles, engine, inventories, patternsAndGroups, imports, secrets],
  ...[reports, clusters, k3sAnswers, hypervisor, services, kubeconfigs, firewalls],
].flat()
