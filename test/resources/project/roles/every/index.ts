import {
  $,
  absent,
  artifact,
  directory,
  file,
  filesystem,
  flush,
  gate,
  group,
  hostname,
  hosts,
  kernelModule,
  line,
  link,
  mount,
  on,
  packages,
  probe,
  role,
  Secret,
  secret,
  service,
  sysctl,
  timezone,
  unit,
  user,
  z,
} from 'fmc'
import { EVERY_BYTE, HOSTILE, LARGE } from '../../hostile.ts'

const DIR = '/srv/every'
/** Some that are missing, one that EL has; a service that runs then. */
const PACKAGES: Readonly<Record<string, { packages: readonly string[]; unit: string }>> = {
  debian: { packages: ['chrony', 'cron'], unit: 'chrony' },
  el: { packages: ['chrony', 'jq', 'keepalived'], unit: 'chronyd' },
}
const note = (text: string) => $`printf '%s\n' ${text} >>/var/log/every.log`

export default role({
  name: 'every',
  summary: 'Every resource once',
  vars: z.object({ every_secret: z.instanceof(Secret).describe('A secret') }),
  async tasks({ vars, host }) {
    await accounts()
    await files(vars.every_secret)
    await lines()
    await units()
    await kernel(host.os.family)
    await disks(host.disks[0]?.device ?? '')
    await hostname(`${host.name}.test.internal`)
    await timezone('Europe/Madrid')
    await artifact('coredns', `${DIR}/coredns`, { validate: p => `${p} -version` })
    const brought = PACKAGES[host.os.family]
    if (brought) {
      await packages(...brought.packages)
      await service(brought.unit, { state: 'stopped', enabled: false })
    }
    // Nobody knows whether the packages bring it.
    await service('every-masked', { state: 'stopped', masked: true })
    await commands(vars.every_secret)
    for (const other of hosts('deb2').filter(() => host.name === 'deb1'))
      await on(other, async () => {
        await file('/srv/from-elsewhere', { content: `by ${host.name}\n`, notify: 'elsewhere' })
      })
    await gate('the service runs', async () => {
      const state = await probe`systemctl is-active every-app`
      return state.ok || state.stdout.trim()
    })
  },
  handlers: {
    'first thing': () => note('first'),
    'last thing': () => note('last'),
    'never notified': () => note('never'),
    elsewhere: () => note('elsewhere'),
  },
})

async function accounts(): Promise<void> {
  await group('app', { system: true })
  await group('numbered', { gid: 4321 })
  await user('app', { system: true, home: DIR })
  await user('numbered', { uid: 4322, createHome: true, home: '/srv/numbered', shell: '/bin/sh' })
}

async function files(password: Secret): Promise<void> {
  await directory(DIR)
  await directory(`${DIR}/deep/er`, { owner: 'app:app', mode: '2750' })
  await file(`${DIR}/bytes`, { content: EVERY_BYTE, mode: '4711' })
  await file(`${DIR}/large`, { content: LARGE, owner: 'app:app' })
  await file(`${DIR}/empty`, { content: '' })
  for (const text of HOSTILE) {
    await directory(`${DIR}/${text}.d`)
    await file(`${DIR}/${text}`, { content: `${HOSTILE.join('\n')}${text}` })
    await link(`${DIR}/${text}.link`, text)
    await line(`${DIR}/lines`, text.replaceAll('\n', ' '))
  }
  await file(`${DIR}/secret`, {
    content: secret`password=${password}\n`,
    owner: 'app:app',
    mode: '0400',
  })
  await file(`${DIR}/once`, { content: 'the first\n', once: true })
  await file(`${DIR}/checked`, {
    content: 'fine\n',
    validate: p => `grep -qx fine ${p}`,
    notify: ['last thing', 'first thing'],
  })
  await file(`${DIR}/kept`, { content: 'kept\n', mode: '0600', owner: 'app' })
  await absent(`${DIR}/unwanted`)
  await absent(`${DIR}/dangling`)
}

async function lines(): Promise<void> {
  await line('/etc/hosts', '10.99.7.99 elsewhere.test.internal')
  await line('/srv/no-end', 'second')
  await file(`${DIR}/mine`, { content: 'a\nb\n' })
  await line(`${DIR}/mine.more`, 'a')
  await line(`${DIR}/mine.more`, 'a')
}

async function units(): Promise<void> {
  await unit('every-app.service', {
    content:
      '[Unit]\nDescription=Every\n[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n',
  })
  await unit('every-app.service', { dropIn: true, content: '[Service]\nEnvironment=A=b\n' })
  await unit('every-static.service', { content: '[Service]\nExecStart=/bin/sleep infinity\n' })
  await unit('every-template@.service', { content: '[Service]\nExecStart=/bin/sleep %i\n' })
  await service('every-app')
  await service('every-static')
  await service('every-template@7777')
  await service('every-not-there', { state: 'stopped', enabled: false })
}

async function kernel(family: string): Promise<void> {
  await sysctl('net.ipv4.ip_local_port_range', '20000\t60000')
  await sysctl('net/ipv4/conf/lo/rp_filter', 2)
  // The test says of it that it is built in; a machine of the lab has neither /sys/module nor modules to load.
  if (family === 'debian') await kernelModule('dm-crypt') // lib/lab/machines/modules.ts has it built in
}

async function disks(device: string): Promise<void> {
  await filesystem(device, { label: 'every' })
  await mount('/srv/data disk', { source: device, type: 'ext4', options: 'noatime' })
  await directory('/srv/data disk/inside', { mode: '0700' })
  await file('/srv/data disk/inside/f', { content: 'x' })
}

async function commands(password: Secret): Promise<void> {
  await $({ creates: `${DIR}/made` })`touch ${DIR}/made`
  await $({ unless: `test -s ${DIR}/fed`, stdin: password })`cat >${DIR}/fed`
  await flush()
  const odd = HOSTILE.join('|')
  if (!(await probe`grep -qF -e ${odd.replaceAll('\n', ' ')} ${DIR}/asked`).ok)
    await $`printf '%s\n' ${odd.replaceAll('\n', ' ')} >${DIR}/asked`
}
