import t from 'tap'
import { unit } from '../../lib/facts/unit.ts'
import { table } from './helpers.ts'

const block = (load: string, active: string, enabled = '', reload = 'no'): string =>
  `LoadState=${load}\nActiveState=${active}\nUnitFileState=${enabled}\nNeedDaemonReload=${reload}\n`

void t.test('unit: the answers of systemctl show', t =>
  table(t, unit, [
    {
      what: 'three in the order asked',
      args: ['a', 'b', 'c'],
      out: `${block('loaded', 'active', 'enabled')}\n${block('not-found', 'inactive')}\n${block('masked', 'failed', 'masked', 'yes')}`,
      facts: [
        { load: 'loaded', active: 'active', enabled: 'enabled', reload: false },
        { load: 'not-found', active: 'inactive', enabled: '', reload: false },
        { load: 'masked', active: 'failed', enabled: 'masked', reload: true },
      ],
    },
    { what: 'one answer of two', args: ['a', 'b'], out: block('loaded', 'active') },
    { what: 'nothing', args: ['a'], out: '' },
    {
      what: 'the end is cut off',
      args: ['a'],
      out: block('loaded', 'active', '', 'yes').slice(0, -2),
    },
    { what: 'no word of a reload', args: ['a'], out: 'LoadState=loaded\nActiveState=active\n' },
    {
      what: 'a property twice',
      args: ['a'],
      out: `LoadState=masked\n${block('loaded', 'active')}`,
    },
    { what: 'what is no state', args: ['a'], out: block('loaded', '\u001b[2J') },
    { what: 'no load state', args: ['a'], out: 'ActiveState=active\n' },
    {
      what: 'no systemd',
      args: ['a'],
      out: '',
      code: 1,
      err: 'System has not been booted with systemd',
    },
    { what: 'an error on stdout', args: ['a'], out: 'Failed to get properties\n' },
  ]),
)
