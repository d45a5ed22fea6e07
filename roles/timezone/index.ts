import { inventory, packages, probe, role, timezone, z } from '../../lib/index.ts'

export default role({
  name: 'timezone',
  summary: 'The time zone of the inventory',
  vars: z.object({}),
  async tasks({ host }) {
    const zone = inventory().timezone
    const known = await probe({ whenNew: '' })`test -e ${`/usr/share/zoneinfo/${zone}`}`
    // Flatcar has all zones in its image and no packages.
    if (!known.ok && host.os.family !== 'flatcar') await packages('tzdata')
    await timezone(zone)
  },
})
