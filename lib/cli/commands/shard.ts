import { Option } from 'commander'
import { EXIT, UsageError } from '../../errors.ts'
import { demandShardCommand, manifestOf, SHARD_KINDS, type ShardKind } from '../manifests.ts'
import { positive, type AddCommand } from '../options.ts'
import { printFile } from '../print.ts'

interface Options {
  readonly jobs: string
  readonly kind: ShardKind
  readonly image: string
  readonly name: string
  readonly records?: string
}

/** `fmc shard --jobs N`: what runs a playbook on several controllers. */
export const shard: AddCommand = (program, run) => {
  program
    .command('shard [command...]')
    .description('a manifest that splits a run over several controllers: fmc play --shard I/N')
    .requiredOption('--jobs <n>', 'into how many parts')
    .addOption(
      new Option('--kind <kind>', 'kubernetes (an Indexed Job), github or gitlab (a CI matrix)')
        .choices(SHARD_KINDS)
        .default('kubernetes'),
    )
    .option('--image <image>', 'the image with your project', 'registry.example.org/my-cloud')
    .option('--name <name>', 'name of the Kubernetes Job, and of the Secret with its keys', 'fmc')
    .option('--records <claim>', 'PersistentVolumeClaim for the records of the Kubernetes Job')
    .action((words: string[], o: Options) => run(printManifest(words, o)))
}

async function printManifest(given: readonly string[], o: Options): Promise<number> {
  const words = given.length === 0 ? ['play', 'site'] : given
  demandShardCommand(words)
  const jobs = positive('--jobs', o.jobs)
  if (jobs > MOST_JOBS) throw new UsageError(`--jobs ${jobs}: expected at most ${MOST_JOBS}`)
  for (const [option, name] of Object.entries({ name: o.name, records: o.records }))
    if (name !== undefined && !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
      throw new UsageError(`--${option} ${name}: expected a name of a-z, 0-9 and -`)
  const { records } = o
  const { notes, data } = manifestOf(o.kind, { ...o, jobs, words, records })
  const { stringify } = await import('yaml')
  printFile(`${notes.map(note => `# ${note}\n`).join('')}${stringify(data, { lineWidth: 0 })}`)
  return EXIT.ok
}

/** GitHub's limit for a matrix is 256 (docs.github.com, "Running variations of jobs in a workflow"), GitLab's 200. */
const MOST_JOBS = 200
