import { z } from '../../lib/index.ts'
import { commonVars } from '../k3s-common/vars.ts'

export const vars = z.object(commonVars)
export type AgentVars = z.output<typeof vars>
