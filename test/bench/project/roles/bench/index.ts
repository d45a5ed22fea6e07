import {
  $,
  directory,
  file,
  group,
  line,
  packages,
  role,
  service,
  user,
  z,
} from '../../../../../lib/index.ts'
import {
  DIRECTORIES,
  FILES,
  GROUP,
  HANDLERS,
  LINE,
  PACKAGES,
  SERVICES,
  USER,
} from '../../../workload.ts'

export default role({
  name: 'bench',
  summary: 'The workload of npm run bench',
  vars: z.object({}),
  async tasks() {
    await packages(...PACKAGES)
    await group(GROUP, { system: true })
    await user(USER.name, { group: GROUP, system: true, shell: USER.shell, home: USER.home })
    for (const { path, mode, owner, group: of } of DIRECTORIES)
      await directory(path, { mode, owner: `${owner}:${of}` })
    for (const { path, mode, content, validate, handler } of FILES)
      await file(path, {
        mode,
        content,
        validate: validate === undefined ? undefined : c => validate.replace('%s', c),
        notify: handler,
      })
    await line(LINE.path, LINE.text)
    for (const name of SERVICES) await service(name)
  },
  handlers: Object.fromEntries(
    Object.entries(HANDLERS).map(([name, command]) => [name, () => $`sh -c ${command}`]),
  ),
})
