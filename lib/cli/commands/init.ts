import { Option } from 'commander'
import { EXIT, UsageError } from '../../errors.ts'
import type { AddCommand } from '../options.ts'
import { askLine, print, printError } from '../print.ts'

interface Options {
  readonly fromExample?: 'small' | 'seed'
  readonly age?: boolean
}

/** `fmc init DIR`: makes a project. */
export const init: AddCommand = (program, run) => {
  program
    .command('init <directory>')
    .description('make a project for hosts of your own: inventory, playbook, a role with its test')
    .addOption(
      new Option(
        '--from-example <name>',
        'do not ask for hosts: small (two hosts) or seed (the cloud that fmc was written for)',
      ).choices(['small', 'seed']),
    )
    .option('--age', 'also make an encrypted secrets file, and your age identity if you have none')
    .addHelpText(
      'after',
      '\nExamples:\n  fmc init my-cloud\n  fmc init my-cloud --from-example small --age\n\nOn a terminal it asks for the domain and the hosts.',
    )
    .action((directory: string, o: Options) => run(makeProject(directory, o)))
}

async function makeProject(directory: string, o: Options): Promise<number> {
  const [{ placeOf, make }, { projectFiles }, { askInventory, SMALL }, { missingTypes }] =
    await Promise.all([
      import('../project/make.ts'),
      import('../project/files.ts'),
      import('../project/inventory-text.ts'),
      import('../project/fmc-spec.ts'),
    ])
  const place = placeOf(directory)
  const asks = o.fromExample === undefined && process.stdin.isTTY
  const answers =
    o.fromExample === 'seed'
      ? 'seed'
      : asks
        ? await askInventory(question => askLine(question, { must: true }), printError)
        : SMALL
  const files = projectFiles(place.name, answers)
  await demandValid(files['inventory.yaml'] ?? '')
  await make(place, files, o.age ? secretsFile : undefined)
  const playbook = answers === 'seed' ? 'motd' : 'site'
  const types = missingTypes()
  const cd = directory === '.' ? '' : `cd ${directory} && `
  print(
    [
      `made ${place.dir}`,
      ...Object.keys(files).map(file => `  ${file}`),
      ...(o.age ? ['  secrets.age'] : []),
      '',
      'Next:',
      `  ${cd}npm install`,
      '  npx fmc lint',
      `  sudo npx fmc play ${playbook} --lab   # rehearse it on this machine`,
      ...(types === undefined ? [] : ['', types]),
    ].join('\n'),
  )
  return EXIT.ok
}

async function demandValid(text: string): Promise<void> {
  const [{ lint }, { formatProblem }] = await Promise.all([
    import('../../inventory/lint.ts'),
    import('../../inventory/problem.ts'),
  ])
  const problems = await lint('inventory.yaml', {
    text: Buffer.from(text),
    roles: () => Promise.resolve([]),
  })
  const errors = problems.filter(p => p.severity === 'error')
  if (errors.length > 0)
    throw new UsageError(
      `these hosts do not fit together:\n${errors.map(formatProblem).join('\n')}`,
    )
}

/** An empty secrets file for the user's identity, which is made if there is none. */
async function secretsFile(dir: string): Promise<void> {
  const { initSecrets } = await import('../project/age.ts')
  await initSecrets(dir, printError)
}
