// The gate of the hypervisor's networks sends packets. Here a network namespace is the hypervisor: two bridges, a router.
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { quoteAll, type Inventory } from '../../lib/index.ts'
import {
  acceptScript,
  forwardUnit,
  type Routed,
} from '../../roles/hypervisor/network/forward-rules.ts'
import { freeAddresses, SEND } from '../../roles/hypervisor/network/packets.ts'

const HOST = `mount -t sysfs sysfs /sys
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 2>/dev/null || echo 1 >/proc/sys/net/ipv4/ip_forward
for b in 1 2 3; do
  ip link add br$b type bridge; ip addr add 10.9.$b.1/24 dev br$b; ip link set br$b up
done
# A machine of br1 that has the first candidate, and answers.
unshare -n sleep 60 </dev/null >/dev/null 2>&1 & m=$!
trap 'kill $m' EXIT
until [ "$(readlink /proc/$m/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
ip link add m1 type veth peer name eth0 netns $m; ip link set m1 master br1 up
nsenter -t $m -n sh -c 'ip addr add 10.9.1.254/24 dev eth0; ip link set eth0 up'`

/** ping(8) as far as the gate needs it, also where this machine has none: real echo requests. */
const PING = `#!/usr/bin/perl
use Net::Ping;
my $address = pop @ARGV;
exit(Net::Ping->new('icmp', 1)->ping($address) ? 0 : 1);
`

const SPECS = [
  'one,br1,10.9.1.1,24,yes,10.9.1.254 10.9.1.253',
  'two,br2,10.9.2.1,24,yes,10.9.2.254',
  'hidden,br3,10.9.3.1,24,no,10.9.3.254',
]
const AFTER = `echo "left: $(ls /sys/class/net | grep -c fmc-try) $(bridge link 2>/dev/null | grep -c fmc-try)"`

const sent = (t: Test, prepare: string, specs = SPECS) => {
  const dir = t.testdir({ ping: PING })
  chmodSync(join(dir, 'ping'), 0o755)
  return spawnSync(
    'unshare',
    [
      '-nm',
      'sh',
      '-c',
      `${HOST}\n${prepare}\n(set -- ${quoteAll(specs)}\n${SEND})\necho "code $?"\n${AFTER}`,
    ],
    {
      encoding: 'utf8',
      timeout: 60_000,
      env: { PATH: `${dir}:${process.env['PATH'] ?? ''}` },
    },
  )
}

void t.test('packets between the networks', t => {
  const well = sent(t, '')
  t.equal(well.stdout, 'code 0\nleft: 0 0\n', well.stderr)
  const dropped = sent(t, 'ip rule add iif br1 to 10.9.2.0/24 blackhole')
  t.equal(
    dropped.stdout,
    'no packet gets from one to two\nno packet gets from two to one\ncode 0\nleft: 0 0\n',
    dropped.stderr,
  )
  const again = sent(
    t,
    `(set -- ${quoteAll(SPECS)}\n${SEND})\nip rule add iif br1 to 10.9.2.0/24 blackhole`,
  )
  t.equal(again.stdout, dropped.stdout, 'addresses of an earlier try are free again')
  const off = sent(t, 'echo 0 >/proc/sys/net/ipv4/ip_forward')
  t.equal(
    off.stdout,
    'no packet gets from hidden to one\nno packet gets from hidden to two\nno packet gets from one to two\nno packet gets from two to one\ncode 0\nleft: 0 0\n',
    'all but those into a network of mode nat',
  )
  t.match(
    sent(t, '', ['one,br1,10.9.1.1,24,yes,10.9.1.254', SPECS[1] ?? '']).stderr,
    /no free address in one/,
  )
  t.end()
})

void t.test('interrupted, it leaves nothing behind', t => {
  const ran = sent(
    t,
    `(set -- ${quoteAll(SPECS)}
${SEND.replace('made="$made $p', "kill -TERM $(sh -c 'echo $PPID'); made=\"$made $p")})
echo "killed: $?"; sleep 0.2; ${AFTER}; exit`,
  )
  t.match(ran.stdout, /^killed: [1-9]\d*\nleft: 0 0\n/, ran.stderr)
  t.end()
})

void t.test('free addresses are from the end, and nobody’s in the inventory', t => {
  const inventory = {
    hosts: new Map([['a', { address: '10.9.1.253', nics: [{ address: '10.9.1.254' }] }]]),
    vips: new Map([['v', { address: '10.9.1.252' }]]),
    networks: new Map([['n', { gateway: '10.9.1.251' }]]),
  } as unknown as Inventory
  t.strictSame(
    freeAddresses(inventory, '10.9.1.0/24'),
    [250, 249, 248, 247, 246, 245, 244, 243].map(n => `10.9.1.${n}`),
  )
  t.strictSame(freeAddresses(inventory, '10.9.1.252/30'), [])
  t.end()
})

void t.test('iptables accepts routed packets where its policy is DROP', t => {
  const routed: readonly Routed[] = [
    { bridge: 'inner', mode: 'open' },
    { bridge: 'private', mode: 'nat' },
  ]
  /** An iptables that keeps its chains in files of the test. */
  const iptables = `#!/bin/sh
[ "$1" != -V ] || { echo 'iptables v1.8.9 (nf_tables)'; exit; }
shift; f=$D/$2
case $1 in
-S) [ -e "$f" ] || exit 1; cat "$f" ;;
-N) [ ! -e "$f" ] || exit 1; echo "-N $2" >"$f" ;;
-F) echo "-N $2" >"$f" ;;
-C) shift; grep -qxF -- "-A $*" "$f" ;;
-A) echo "$*" >>"$f" ;;
-I) shift; { head -n 1 "$f"; echo "-A $*"; tail -n +2 "$f"; } >"$f.new"; mv "$f.new" "$f" ;;
esac
`
  const rules = (policy: string, ...chains: readonly string[]) => {
    const dir = t.testdir({
      iptables,
      FORWARD: `-P FORWARD ${policy}\n-A FORWARD -j LIBVIRT_FWI\n`,
      ...Object.fromEntries(chains.map(c => [c, `-N ${c}\n`])),
    })
    chmodSync(join(dir, 'iptables'), 0o755)
    const sh = (script: string) =>
      spawnSync('sh', ['-c', script], {
        encoding: 'utf8',
        env: { D: dir, PATH: `${dir}:/usr/bin:/bin` },
      })
    const is = (networks = routed) => sh(acceptScript(networks, true)).status
    const before = is()
    for (let i = 0; i < 2; i++) t.equal(sh(acceptScript(routed)).status, 0)
    t.equal(is(), 0)
    const chain = (name: string) => readFileSync(join(dir, name), 'utf8')
    if (policy === 'DROP') {
      t.equal(
        chain('FMC-FORWARD'),
        '-N FMC-FORWARD\n-A FMC-FORWARD -o private -j RETURN\n-A FMC-FORWARD -o inner -j ACCEPT\n-A FMC-FORWARD -i inner -j ACCEPT\n',
      )
      // A network that comes later is no way into the private one, and one that has gone leaves nothing.
      const later: readonly Routed[] = [{ bridge: 'new', mode: 'open' }, ...routed.slice(1)]
      t.equal(is(later), 1)
      t.equal(sh(acceptScript(later)).status, 0)
      t.equal(is(later), 0)
      t.equal(
        chain('FMC-FORWARD'),
        '-N FMC-FORWARD\n-A FMC-FORWARD -o private -j RETURN\n-A FMC-FORWARD -o new -j ACCEPT\n-A FMC-FORWARD -i new -j ACCEPT\n',
      )
    }
    return [before, ...['FORWARD', ...chains].map(chain)]
  }
  t.strictSame(rules('DROP'), [
    1,
    '-P FORWARD DROP\n-A FORWARD -j FMC-FORWARD\n-A FORWARD -j LIBVIRT_FWI\n',
  ])
  t.strictSame(
    rules('DROP', 'DOCKER-USER'),
    [
      1,
      '-P FORWARD DROP\n-A FORWARD -j LIBVIRT_FWI\n',
      '-N DOCKER-USER\n-A DOCKER-USER -j FMC-FORWARD\n',
    ],
    "Docker's own place for them",
  )
  t.strictSame(rules('ACCEPT', 'DOCKER-USER'), [
    0,
    '-P FORWARD ACCEPT\n-A FORWARD -j LIBVIRT_FWI\n',
    '-N DOCKER-USER\n',
  ])
  const exec = /ExecStart=\/bin\/sh -c "(.*)"/.exec(forwardUnit(routed))?.[1] ?? ''
  t.notMatch(exec.replaceAll('$$', ''), '$', 'systemd expands nothing in it')
  t.end()
})
