/** The kinds of problems that `fmc lint` finds, and what each means. Editors and CI show them by these names. */
export const RULES = {
  yaml: 'The file is not valid YAML, or uses what an inventory must not use',
  schema: 'A key or a value that the inventory cannot have',
  timezone: 'A time zone that the tz database does not have',
  reference: 'A name that nothing has, or that two things have',
  address: 'A network or an address that is malformed, misplaced or used twice',
  vip: 'A VIP that no balancer can hold or no host serves',
  vpn: 'A VPN that cannot work',
  capacity: 'VMs that are larger than their hypervisor',
  platform: 'A role that does not support the operating system of a host',
  'role-variable': 'A variable of a role that is missing or has a wrong value',
  'unknown-variable': 'A variable that no role has',
  'unused-variable': 'A variable where its role does not run',
  'ungrouped-host': 'A host on which no play runs',
  advice: 'What a role says about its variables and the inventory',
  secret: 'A secret that the secrets file does not have',
  hook: 'A hook with a secret in the open, or with what its service does not take',
  lab: 'What the lab is to make of the inventory',
  'play-hosts': 'A play on a group that the inventory does not have',
  load: 'A playbook or role that cannot be compiled or loaded',
} as const

/** The name of a kind of problem. */
export type Rule = keyof typeof RULES

/** The findings as problems of one kind. */
export const ruled = <T extends object>(
  rule: Rule,
  findings: readonly T[],
): (T & { rule: Rule })[] => findings.map(finding => ({ ...finding, rule }))
