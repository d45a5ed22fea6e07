import t from 'tap'
import { ancestorsOf, checkWay } from '../../lib/resources/way.ts'

void t.test('the way to a path: what the change would refuse, the plan refuses', t => {
  const dir = (owner: string, mode = '0755') => ({ type: 'directory', mode, owner, group: 'root' })
  const table: [string, Record<string, object | null>, RegExp | undefined][] = [
    ['directories of root', { '/a': dir('root'), '/a/b': dir('root') }, undefined],
    ['of one user', { '/a': dir('app'), '/a/b': dir('app') }, undefined],
    ['a user below root', { '/a': dir('root'), '/a/b': dir('app') }, undefined],
    [
      'root’s between a user’s',
      { '/a': dir('app'), '/a/b': dir('root'), '/a/b/c': dir('app') },
      undefined,
    ],
    [
      'root’s in a user’s',
      { '/a': dir('app'), '/a/b': dir('root') },
      /^\/a\/b belongs to root, but app, who owns \/a, could exchange it$/,
    ],
    [
      'a stranger’s in a user’s, somewhere on the way',
      { '/a': dir('root'), '/a/b': dir('app'), '/a/b/c': dir('12345'), '/a/b/c/d': dir('app') },
      /^\/a\/b\/c belongs to 12345, but app, who owns \/a\/b, could/,
    ],
    [
      'what is not there yet does not count',
      { '/a': dir('app'), '/a/b': null, '/a/b/c': null },
      undefined,
    ],
    ['everybody’s', { '/a': dir('root', '0777'), '/a/b': dir('root') }, /chmod \+t \/a$/],
    ['everybody’s as the last', { '/a': dir('root'), '/a/b': dir('root', '0777') }, undefined],
    ['sticky', { '/a': dir('root', '1777'), '/a/b': dir('app') }, undefined],
    [
      'behind a link only the host can tell',
      { '/a': dir('app'), '/a/b': { ...dir('root'), type: 'link' }, '/a/b/c': dir('x') },
      undefined,
    ],
  ]
  for (const [what, facts, why] of table) {
    const check = (doubt = false) => checkWay(Object.keys(facts), facts, doubt)
    if (why === undefined) t.doesNotThrow(check, what)
    else {
      t.throws(check, { name: 'TaskError', message: why }, what)
      t.doesNotThrow(() => check(true), 'an earlier planned change may mend it')
    }
  }
  t.strictSame(ancestorsOf('/a/b/c'), ['/a', '/a/b'])
  t.end()
})
