/** Examples for the help of the commands that do not bring their own. A test parses each with the real program and runs the harmless ones. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  play: [
    'fmc play site --dry-run --diff',
    "fmc play site --limit 'web:!web3' --tags haproxy-keepalived",
    'fmc play site --limit @failed',
  ],
  role: [
    'fmc role nfs storage --dry-run',
    'fmc role haproxy-keepalived loadbalancer1 --list-tasks',
  ],
  drift: [
    'fmc drift',
    'fmc drift site --since last',
    'fmc drift --watch 5m --status-file /srv/www/drift.json',
  ],
  support: ['fmc support', 'fmc support --hosts web --out problem.tar.gz'],
  plan: [
    'fmc plan site --diff',
    'fmc plan site --out plan.fmc --require-approval boss --valid-until 3d',
  ],
  show: ['fmc show plan.fmc', 'fmc show plan.fmc --html plan.html'],
  approve: ['fmc approve plan.fmc --as boss', 'fmc approve --print-key'],
  apply: ['fmc apply plan.fmc', 'fmc apply plan.fmc --step --diff'],
  facts: ['fmc facts all', 'fmc facts workers --output json'],
  hosts: ['fmc hosts', "fmc hosts 'workers:!worker1' --output json"],
  lint: ['fmc lint', 'fmc lint --output json'],
  list: ['fmc list', 'fmc list --output json'],
  doc: ['fmc doc', 'fmc doc nfs'],
  'firewall explain': [
    'fmc firewall explain worker1 postgresql1 5432',
    'fmc firewall explain wan worker1 443 --output json',
  ],
  'firewall rules': [
    'fmc firewall rules --for pfsense',
    'fmc firewall rules --for opnsense --output json',
  ],
  'runs list': ['fmc runs list --limit 100', 'fmc runs list --output json'],
  'runs show': ['fmc runs show last --changed', 'fmc runs show 3 --host web1 --diff'],
  'runs diff': ['fmc runs diff 2 1', 'fmc runs diff 2 last --exit-code --output json'],
  'runs replay': ['fmc runs replay last', 'fmc runs replay 2 --speed 10'],
  'runs report': [
    'fmc runs report last --out report.html',
    'fmc runs report 3f2c --out friday.html',
  ],
  'runs merge': [
    'fmc runs merge shard-1.jsonl shard-2.jsonl --out all.jsonl',
    'fmc runs merge 2 1 --out all.jsonl',
  ],
  lab: ['fmc lab up', 'fmc lab status --output json'],
  import: [
    "fmc import ansible hosts.ini -o inventory.yaml --os 'debian 12'",
    'fmc import ansible hosts.ini',
  ],
  secrets: [
    'fmc secrets init',
    'fmc secrets set k3s_token --random',
    'fmc secrets rotate postgresql_app --random',
  ],
  'hooks list': ['fmc hooks list', 'fmc hooks list --output json'],
  'hooks test': ['fmc hooks test', 'fmc hooks test --output json'],
  shard: ['fmc shard --jobs 4', 'fmc shard --jobs 8 --kind github -- play site --limit web'],
  'wireguard client': [
    'fmc wireguard client laptop',
    'fmc wireguard client laptop --out laptop.conf',
  ],
  completion: ['fmc completion bash', 'fmc completion fish'],
  explain: ['fmc explain gate', "fmc explain 'the host key of web1 is not known'"],
  man: ['fmc man', 'fmc man | man -l -'],
}
