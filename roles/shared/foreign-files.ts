import { ask, quoteAll, resource, TaskError, type Common, type Result } from '../../lib/index.ts'

/**
 * Prints which of these files somebody else has written: they are not empty, do not say that fmc manages them, and are not
 * as a package installed them (conffiles of dpkg-query(1); rpm(8) -V shows 5 for another content). May fail: the last test, which is
 * no error.
 */
export const foreignScript = (paths: readonly string[]): string => `for f in ${quoteAll(paths)}; do
  [ -s "$f" ] || continue
  head -n 3 -- "$f" | grep -q '^# Managed by fmc' && continue
  if command -v dpkg-query >/dev/null; then
    dpkg-query -W -f='\${Conffiles}\\n' 2>/dev/null | grep -qxF -- " $f $(md5sum <"$f" | cut -c 1-32)" && continue
  fi
  if command -v rpm >/dev/null && rpm -qf -- "$f" >/dev/null 2>&1; then
    rpm -Vf -- "$f" 2>/dev/null | grep -E '^..5' | grep -qF -- " $f" || continue
  fi
  echo "$f"
done
:`

interface Options extends Common {
  /** The service, for people. */
  readonly service: string
  readonly paths: readonly string[]
  /** Where what the files say belongs, for people. */
  readonly instead: string
}

const define = resource({
  name: ({ service }: Options) => `configuration of ${service}`,
  needs: ({ paths }) => ({
    now: ask('command', foreignScript(paths), { code: 0, stdout: '', stderr: '' }),
  }),
  plan({ service, paths, instead }, { now }, { host }) {
    const found = paths.filter(p => now.stdout.split('\n').includes(p))
    if (found.length > 0)
      throw new TaskError(
        `${service} is set up already: neither fmc nor a package has written ${found.join(' and ')}, and fmc would replace it`,
        {
          hint: `${instead}; then move the old file aside and run again: ${found.map(f => `fmc run ${host} -- mv ${f} ${f}.before-fmc`).join('; ')}`,
        },
      )
    return []
  },
})

/**
 * Changes nothing. Throws TaskError if somebody else has set up a service whose whole configuration fmc would replace; in
 * a dry run too, and before anything is written.
 */
export const notForeign = (options: Omit<Options, keyof Common>): Promise<Result> => define(options)
