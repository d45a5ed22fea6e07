import { inventory, packages, probe, role, timezone, z } from '../../lib/index.ts'
import { PLATFORMS } from './platform.ts'

export default role({
  name: 'timezone',
  summary: 'The time zone of the inventory',
  vars: z.object({}),
  platforms: PLATFORMS,
  async tasks({ platform }) {
    const zone = inventory().timezone
    const known = await probe({ whenNew: '' })`test -e ${`/usr/share/zoneinfo/${zone}`}`
    if (!known.ok) await packages(...platform.packages)
    await timezone(zone)
  },
})
