import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $, absent, directory, file, line, link, send } from '../../../lib/index.ts'
import type { Workload } from './index.ts'
import { playOf, roleOf } from './make.ts'
import { SECRET } from './secret.ts'

/** Files that are replaced, new, secret, large, validated; a handler that makes the service read one. */
export const files: Workload = {
  name: 'files',
  hosts: ['a'],
  refused: true,
  plays: v => [
    playOf(
      roleOf(
        'files',
        async () => {
          await directory('/etc/app', { mode: '0750' })
          await file('/etc/app/app.conf', {
            content: v === 'refused' ? 'nonsense\n' : `version = ${v}\n`,
            mode: '0640',
            validate: c => `grep -q '^version = ' ${c}`,
            notify: 'read it',
          })
          await file('/etc/app/large', {
            content: `${v === 'refused' ? 'new' : v}\n${'of many lines\n'.repeat(3000)}`,
          })
          if (v !== 'old')
            await file('/etc/app/extra', { content: 'extra\n', owner: 'svc:svc', mode: '0600' })
          await file('/etc/app/key', {
            content: v === 'old' ? 'the old key\n' : SECRET,
            mode: '0600',
            owner: v === 'old' ? 'root:root' : 'root:svc',
          })
        },
        { 'read it': () => $`mkdir -p /srv/running; cat /etc/app/app.conf >/srv/running/app` },
      ),
    ),
  ],
}

/** The same in a directory that belongs to another user. */
export const open: Workload = {
  name: 'open',
  hosts: ['a'],
  refused: true,
  plays: v => [
    playOf(
      roleOf('open', async () => {
        await directory('/srv/open', { owner: 'svc:svc', mode: '0755' })
        await file('/srv/open/conf', {
          content: v === 'refused' ? '' : `open ${v}\n`,
          owner: 'svc:svc',
          validate: c => `test -s ${c}`,
        })
        await file('/srv/open/same', {
          content: 'same\n',
          owner: v === 'old' ? 'svc:svc' : 'root:svc',
          mode: v === 'old' ? '0644' : '0640',
        })
        await line('/srv/open/list', `line ${v === 'refused' ? 'new' : v}`)
      }),
    ),
  ],
}

/** Lines, links, owners and modes, and what has to go. */
export const edits: Workload = {
  name: 'edits',
  hosts: ['a'],
  prepare: 'printf "first\\nno newline" >/etc/shared; echo gone >/etc/gone; chmod 640 /etc/shared',
  plays: v => [
    playOf(
      roleOf('edits', async () => {
        await directory('/srv/data', {
          mode: v === 'old' ? '0755' : '2750',
          owner: v === 'old' ? 'root:root' : 'svc:svc',
        })
        await line('/etc/shared', `added by ${v}`)
        await line('/etc/own', `own ${v}`)
        await link('/etc/app.link', `/srv/data/${v}`)
        await file('/etc/mode', { content: 'as it was\n', mode: v === 'old' ? '0644' : '0600' })
        if (v === 'new') await absent('/etc/gone')
      }),
    ),
  ],
}

const sent = (v: string): string => {
  const dir = join(tmpdir(), `fmc-faults-sent-${process.getuid?.() ?? 0}`)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const path = join(dir, v)
  // Another case may be reading it.
  if (!existsSync(path)) {
    writeFileSync(`${path}.${process.pid}`, `${v} bytes\n`.repeat(3000))
    renameSync(`${path}.${process.pid}`, path)
  }
  return path
}

/** Streamed files, and a change after them. */
export const uploads: Workload = {
  name: 'uploads',
  hosts: ['a'],
  plays: v => [
    playOf(
      roleOf(
        'uploads',
        async () => {
          await directory('/opt/app')
          await send(sent(v), '/opt/app/program', { mode: '0755', notify: 'read it' })
          await link('/opt/app/current', `/opt/app/program.${v}`)
        },
        { 'read it': () => $`mkdir -p /srv/running; cat /opt/app/program >/srv/running/program` },
      ),
    ),
  ],
}
