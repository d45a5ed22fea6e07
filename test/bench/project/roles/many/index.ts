import { directory, file, link, role, z } from '../../../../../lib/index.ts'
import { MANY } from '../../../workload.ts'

export default role({
  name: 'many',
  summary: 'The workload for many light hosts: 15 tasks that need nothing but a file system',
  vars: z.object({}),
  async tasks() {
    for (const path of MANY.directories) await directory(path, { mode: '0750' })
    for (const { path, content } of MANY.files) await file(path, { mode: '0640', content })
    for (const { path, to } of MANY.links) await link(path, to)
  },
})
