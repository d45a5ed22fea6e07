import { z } from '../../lib/index.ts'
import { commonVars } from '../shared/k3s/vars.ts'

export const vars = z.object(commonVars)
export type AgentVars = z.output<typeof vars>
