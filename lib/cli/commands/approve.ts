import { EXIT, UsageError } from '../../errors.ts'
import { quote } from '../../shell/quote.ts'
import { signingKeyOption, type AddCommand } from '../options.ts'
import { print } from '../print.ts'

interface Options {
  readonly as?: string
  readonly printKey?: boolean
  readonly inventory?: string
  readonly identity?: string
  readonly key?: string
}

/** `fmc approve FILE --as NAME`: signs a saved plan as one of its approvers. */
export const approve: AddCommand = (program, run) => {
  program
    .command('approve [file]')
    .description('approve a saved plan: sign it as one of those whose approval it requires')
    .option('--as <name>', 'your name in the file `signers` beside the inventory')
    .option('--print-key', 'print your public key, for that file')
    .option('-i, --inventory <file>', 'the inventory beside which the file `signers` is')
    .option('--identity <file>', 'age identity that signs')
    .addOption(signingKeyOption())
    .action((file: string | undefined, o: Options) => run(approveFile(file, o)))
}

async function approveFile(file: string | undefined, o: Options): Promise<number> {
  const { keysOf, signingKey } = await import('../plans/keys.ts')
  if (o.printKey) {
    print(signingKey(await keysOf(o)).publicKey)
    return EXIT.ok
  }
  if (file === undefined || o.as === undefined)
    throw new UsageError('expected a plan and your name', {
      hint: 'fmc approve plan.fmc --as NAME',
    })
  const [{ openPlan, signerWords }, format, { appendToPlan }] = await Promise.all([
    import('../plans/open.ts'),
    import('../../plan/format.ts'),
    import('../../plan/file.ts'),
  ])
  const { approvalLine, approvalsLeft, demandInTime, parsePlan } = format
  const { fingerprint } = await import('../../plan/signing.ts')
  const opened = await openPlan(file, o)
  const { plan, text } = opened
  const asked = plan.body.approvers.find(a => a.name === o.as)
  if (!asked)
    throw new UsageError(`${file} does not require the approval of ${o.as}`, {
      hint: `it requires: ${plan.body.approvers.map(a => a.name).join(', ') || 'nobody'}`,
    })
  demandInTime({ validUntil: plan.body.validUntil }, file)
  const key = opened.keys.signing.find(k => k.publicKey === asked.key)
  if (!key)
    throw new UsageError(
      `your key is not the one that ${file} requires for ${o.as}: ${fingerprint(asked.key)}`,
      { hint: 'name the right one with --identity FILE or --key FILE' },
    )
  const now = approvalsLeft(plan).includes(o.as)
    ? parsePlan(appendToPlan(file, text, approvalLine(plan, asked.name, key)), file)
    : plan
  const left = approvalsLeft(now)
  print(
    [
      `${o.as} approves ${file}: ${plan.body.tasks.length} tasks on ${plan.body.hosts.length} hosts, signed by ${signerWords(opened)}`,
      left.length === 0
        ? `  fmc apply ${quote(file)}`
        : `it still needs the approval of ${left.join(', ')}`,
    ].join('\n'),
  )
  return EXIT.ok
}
