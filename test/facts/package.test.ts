import t from 'tap'
import { deb, rpm } from '../../lib/facts/package.ts'
import { ask } from '../../lib/facts/index.ts'
import { facts, table } from './helpers.ts'

void t.test('deb: the answers of dpkg-query', t =>
  table(t, deb, [
    { what: 'installed', args: ['a'], out: 'a ii 1.0-1\n', facts: ['1.0-1'] },
    {
      what: 'unknown',
      args: ['a', 'b'],
      out: 'a ii 1:2~rc1+dfsg\n',
      code: 1,
      facts: ['1:2~rc1+dfsg', null],
    },
    { what: 'on hold is installed', args: ['a'], out: 'a hi 1\n', facts: ['1'] },
    {
      what: 'removed, half installed, unpacked, not configured',
      args: ['a', 'b', 'c', 'd'],
      out: 'a rc 1\nb iH 1\nc iU 1\nd iF 1\n',
      facts: [null, null, null, null],
    },
    { what: 'only known', args: ['a'], out: 'a un \n', facts: [null] },
    {
      what: 'two architectures, one of them installed',
      args: ['a'],
      out: 'a rc 1\na ii 2\n',
      facts: ['2'],
    },
    { what: 'must be installed again', args: ['a'], out: 'a iHR1\n', facts: [null] },
    { what: 'silence that says it is fine', args: ['a'], out: '' },
    { what: 'another package', args: ['a'], out: 'b ii 1\n' },
    { what: 'an error', args: ['a'], out: 'dpkg-query: error\n' },
    { what: 'cut off', args: ['a'], out: 'a ii 1' },
    { what: 'a broken database', args: ['a'], out: '', code: 2 },
    { what: 'no dpkg', args: ['a'], out: '', code: 127 },
  ]),
)

void t.test('rpm: the answers of rpm', t =>
  table(t, rpm, [
    { what: 'installed', args: ['a'], out: 'a 1-2.el9\n', facts: ['1-2.el9'] },
    {
      what: 'missing',
      args: ['a', 'b'],
      out: 'package a is not installed\nb 1-1\n',
      code: 1,
      facts: [null, '1-1'],
    },
    { what: 'several versions of a kernel', args: ['k'], out: 'k 1-1\nk 2-1\n', facts: ['2-1'] },
    {
      what: 'a broken database says missing, too',
      args: ['a'],
      out: 'package a is not installed\n',
      code: 1,
      err: 'error: cannot open Packages database in /var/lib/rpm\n',
    },
    { what: 'the status counts otherwise', args: ['a'], out: 'a 1-1\n', code: 1 },
    { what: 'silence', args: ['a'], out: '', code: 1 },
    { what: 'another package', args: ['a'], out: 'b 1-1\n' },
    { what: 'no rpm', args: ['a'], out: '', code: 127 },
  ]),
)

void t.test(
  'this machine',
  {
    skip:
      !facts(ask('command', 'command -v dpkg-query')).every(
        f => (f as { code: number }).code === 0,
      ) && 'no dpkg here',
  },
  t => {
    t.match(facts(ask('deb', 'dpkg'), ask('deb', 'no-such-package')), [/^\d/, null])
    t.end()
  },
)
