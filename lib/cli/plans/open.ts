import { resolve } from 'node:path'
import { UsageError } from '../../errors.ts'
import { readPlanFile } from '../../plan/file.ts'
import { parsePlan, type PlanFile } from '../../plan/format.ts'
import { nameOfKey, readSigners, signersFile, type Signers } from '../../plan/signers.ts'
import { fingerprint } from '../../plan/signing.ts'
import { keysOf, type KeyChoice, type Keys } from './keys.ts'

/** A plan's file with what this user can say of its signature. */
export interface OpenedPlan {
  readonly file: string
  /** The file's text. */
  readonly text: string
  readonly plan: PlanFile
  readonly keys: Keys
  /** The user's own key has signed it. */
  readonly own: boolean
  /** The file's inventory: as given, else the plan's if the user has signed that, else inventory.yaml here. */
  readonly inventory: string
  readonly signers: Signers
  /** The name that the project gives the key of the signature; undefined: it does not know the key. */
  readonly signer: string | undefined
}

/** Reads a plan and checks its signature. Throws UsageError. `inventory`: the option -i. */
export async function openPlan(
  file: string,
  o: KeyChoice & { readonly inventory?: string | undefined },
): Promise<OpenedPlan> {
  const text = readPlanFile(file)
  const plan = parsePlan(text, file)
  const keys = await keysOf(o)
  const own = keys.signing.some(key => key.publicKey === plan.signer)
  // A plan of somebody else does not decide whose signatures count.
  const inventory = o.inventory ?? (own ? asTyped(plan.body.options.inventory) : HERE)
  const signers = readSigners(inventory)
  return {
    ...{ file, text, plan, keys, own, inventory, signers },
    signer: nameOfKey(signers, plan.signer),
  }
}

const HERE = 'inventory.yaml'

/** The inventory's path as one types it: hints then need no -i. */
const asTyped = (inventory: string): string => (inventory === resolve(HERE) ? HERE : inventory)

/** Throws UsageError unless the plan is signed by the user or by somebody whom the project knows. */
export function demandKnownSigner({ file, plan, own, signer, inventory }: OpenedPlan): void {
  if (own || signer !== undefined) return
  throw new UsageError(
    `${file} is signed by ${fingerprint(plan.signer)}, a key that neither you nor ${signersFile(inventory)} has`,
    {
      hint: `if you trust who has it, add this line to ${signersFile(inventory)}: NAME ${plan.signer}`,
    },
  )
}

/** Who signed, in words: "alice (SHA256:…)". */
export const signerWords = ({ plan, own, signer }: OpenedPlan): string =>
  `${signer ?? (own ? 'you' : 'an unknown key')} (${fingerprint(plan.signer)})`
