/** What an error message means. */
export interface Known {
  /** Matches the message, or a part of it that identifies it. */
  readonly message: RegExp
  readonly cause: string
  /** Commands and edits, in the order in which to try them. */
  readonly remedy: readonly string[]
}

/** Errors that people meet, with their cause and what to do. */
export const ERRORS: readonly Known[] = [
  {
    message: /the host key of .* is not known/,
    cause:
      'fmc logs in only to hosts whose key is in known_hosts, as ssh does with StrictHostKeyChecking yes.',
    remedy: [
      'compare the fingerprint in the message with the one on the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub',
      'if it is the same, accept it with the command that the message names',
    ],
  },
  {
    message: /host key .*(changed|differs|revoked)|is not the one in known_hosts/,
    cause:
      'the host has another key than before: it was installed again, or another machine answers at its address.',
    remedy: ['find out which; if the host is new: ssh-keygen -R HOST, then accept the new key'],
  },
  {
    message: /has no key to log in/,
    cause:
      'fmc found neither an agent nor a private key on this machine, so it did not even connect to the host.',
    remedy: [
      'ssh-add -l   # does an agent have a key?',
      'ssh-keygen -t ed25519   # makes one; its .pub belongs into ~USER/.ssh/authorized_keys on the host',
      'or set ssh.identity_file in the inventory',
    ],
  },
  {
    message: /refused the login|no key to try|Permission denied/,
    cause: 'the host answers, but accepts none of the keys that fmc offered for this user.',
    remedy: [
      'ssh USER@HOST   # does the same login work?',
      'set ssh.user and ssh.identity_file in the inventory, or start an agent: ssh-add',
    ],
  },
  {
    message: /cannot reach|no answer from|ECONNREFUSED|EHOSTUNREACH|ETIMEDOUT/,
    cause: 'nothing answers at the host’s address and port.',
    remedy: [
      'fmc hosts HOST   # is the address right?',
      'look whether the host is up and its sshd runs',
    ],
  },
  {
    message: /no shell for/,
    cause:
      'the login works, but the user’s login shell did not run the command of fmc: it is no shell (nologin), a restricted one (rbash), or its rc files end it, replace it or read standard input.',
    remedy: [
      'fmc shell HOST -- true   # what does it say?',
      'chsh -s /bin/sh USER   # on the host; or log in as another user: ssh.user in the inventory',
    ],
  },
  {
    message: /sudo|needs a password/,
    cause: 'the user may not become root without a password, or not at all.',
    remedy: [
      'fmc play PLAYBOOK -K   # asks for the password once',
      'allow the user in /etc/sudoers.d',
    ],
  },
  {
    message: /holds? the lock|is locked|another fmc run/,
    cause: 'another run works on the host. As long as it does, fmc changes none of the hosts.',
    remedy: ['wait for the run that the message names, or end it there'],
  },
  {
    message: /not idempotent/,
    cause:
      'the task would change the host again right after it has changed it: it does not recognise its own result.',
    remedy: [
      'with $: add creates or unless, or put it behind a probe that tells whether it is necessary',
      'look which of two tasks write to the same place',
    ],
  },
  {
    message: /gate .* did not open/,
    cause:
      'the role waited for a condition, and it did not become true in time. The message has the last answer.',
    remedy: [
      'fmc logs HOST UNIT   # what does the service say?',
      'FMC_GATE_SECONDS=600 fmc play PLAYBOOK   # if the host is only slow',
    ],
  },
  {
    message: /a probe took longer/,
    cause:
      'a command that a role asks the host hangs, so fmc ended it. The limit of a gate does not shorten it.',
    remedy: ['give the command a limit of its own: curl --max-time 2, timeout 5 COMMAND'],
  },
  {
    message: /has no handler/,
    cause: 'notify of a task names a handler that the role does not define.',
    remedy: ['write the name as in handlers: { … } of the role'],
  },
  {
    message: /invariant|stopped (before|after)/,
    cause:
      'a rolling play goes on only while its invariant holds, such as a quorum. It did not, or a host failed.',
    remedy: [
      'fmc play health',
      'repair what it names, then run the same command again: it continues',
    ],
  },
  {
    message: /not awaited|had ended|await is missing/,
    cause: 'a call in the role has no await, so that it runs besides the following tasks.',
    remedy: [
      'put await before every resource, gate, flush and $; the ESLint preset of fmc finds them',
    ],
  },
  {
    message: /validation failed/,
    cause: 'the program that checks the new file (validate) refused it. The old file stayed.',
    remedy: [
      'read the output of the check below the message',
      'fmc play PLAYBOOK --dry-run --diff --limit HOST',
    ],
  },
  {
    message: /is pending from an interrupted run/,
    cause: 'a killed run has marked a handler on the host, and the role no longer defines it.',
    remedy: ['drop the mark with the command that the message names'],
  },
  {
    message: /does not open|wrong passphrase|no identity file/,
    cause: 'the secrets file is encrypted to recipients, and the identity given is none of them.',
    remedy: [
      'fmc play PLAYBOOK --identity FILE   # or FMC_AGE_IDENTITY',
      'let somebody who can open it add you: fmc secrets rekey -r AGE1…',
    ],
  },
  {
    message: /no secret .* in|there is no secrets file/,
    cause: 'the inventory refers to a secret (!secret NAME) that the secrets file does not have.',
    remedy: ['fmc secrets init   # once', 'fmc secrets set NAME'],
  },
  {
    message: /is not used: .* (belongs to|can be written)/,
    cause:
      'another user could have written that file or a directory above it, and could so act as you.',
    remedy: ['run the command that the message names'],
  },
  {
    message: /bad YAML|a tab indents/,
    cause: 'the file is no YAML from this place on; often the mistake is in the line before.',
    remedy: [
      'indent with spaces, all entries of a map alike; close every bracket and quote',
      'put a text with : # { or [ in it into quotes',
    ],
  },
  {
    message: /unknown key/,
    cause: 'the inventory has a key that fmc does not know in this place.',
    remedy: [
      'a variable belongs under vars: of all, of a group or of a host',
      'fmc lint --schema   # all keys; an editor completes them',
    ],
  },
  {
    message: /there is no time zone/,
    cause: 'the tz database does not have this name.',
    remedy: ['timedatectl list-timezones   # all names'],
  },
  {
    message: /Could not resolve|No matching export/,
    cause: 'an import in a playbook or role names a file, package or export that does not exist.',
    remedy: [
      'a path is relative to the file that imports: ../roles/NAME/index.ts',
      'npm install   # if it is a package',
    ],
  },
  {
    message: /no host or group is called/,
    cause: 'a host pattern has a name that the inventory does not have.',
    remedy: ['fmc hosts   # all hosts and their groups'],
  },
  {
    message: /has a variable|no role of/,
    cause: 'a variable of -e would have no effect: no role that runs reads it.',
    remedy: ['fmc doc ROLE   # the variables of a role'],
  },
  {
    message: /not supported|operating system|os family/,
    cause: 'the role has no row for the operating system of the host in its table of platforms.',
    remedy: ['run the role on other hosts, or add a row to roles/ROLE/platform.ts'],
  },
  {
    message: /is not pinned/,
    cause: 'fmc installs only downloads whose checksum it knows, and has none of this version.',
    remedy: [
      'leave the version out: fmc then takes the one that it has tested',
      'or write version and sha256, as the release publishes it, under artifacts: of the inventory',
    ],
  },
  {
    message: /already belongs to/,
    cause:
      'two things in the inventory have the same address, name or number. The message names both places.',
    remedy: ['give one of the two another one, then: fmc lint'],
  },
  {
    message: /more than its hypervisor/,
    cause:
      'the VM could not start: its hypervisor has less memory, processors or disk than the VM is to have.',
    remedy: ['make the VM smaller, or set vm_on to another hypervisor, then: fmc lint'],
  },
  {
    message: /No space left on device|ENOSPC/i,
    cause: 'a file system of the host, or of this machine, is full.',
    remedy: ['fmc run HOST -- df -h', 'fmc run HOST -- df -i   # or has it no inodes left?'],
  },
  {
    message: /the host has moved since the plan|does not fit any more/,
    cause:
      'something differs from what the saved plan was made from: on a host, in the inventory, in the code or in a secret. fmc apply makes exactly the plan or refuses.',
    remedy: [
      'fmc play site --dry-run --diff   # what would change now',
      'fmc plan site --out plan.fmc   # a new plan, with the options of the old one',
    ],
  },
  {
    message: /lab .* is not up/,
    cause: 'there is no lab of that name on this machine.',
    remedy: ['fmc lab up', 'fmc lab status --name NAME   # another lab'],
  },
  {
    message: /this is a bug in fmc/,
    cause:
      'fmc met an error that it does not expect. What it had done until then is complete: it can run again.',
    remedy: ['report the text below the message, without secrets'],
  },
]
