import t from 'tap'
import { accessOf } from '../../lib/resources/access.ts'

void t.test(
  'a mode is a text: fmc does not check types, and a number would mean another mode',
  t => {
    t.equal(accessOf({ mode: '644' }, '0600').mode, '0644')
    for (const mode of [0o644, 644, 0])
      t.throws(() => accessOf({ mode: mode as never }, '0600'), {
        name: 'TaskError',
        message: `mode ${mode} is a number: write a text such as '0644'`,
      })
    t.throws(() => accessOf({ mode: '0999' }, '0600'), { message: 'mode "0999" is not octal' })
    t.end()
  },
)
