import { z } from '../../lib/index.ts'
import { snapshotVars } from '../shared/k3s/snapshot.ts'

export const vars = z.object(snapshotVars)
