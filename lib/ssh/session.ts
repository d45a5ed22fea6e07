import { entry, start } from './entry.ts'
import { frame } from './frame.ts'
import type { Limits, Link } from './link.ts'
import { Shell } from './shell.ts'
import type { Output, ScriptOptions, Session, Target } from './types.ts'
import { nulError } from './wording.ts'
import { SPELLED } from './word.ts'

/** A longer exec request does not fit: the kernel takes at most 128 KiB per argument (MAX_ARG_STRLEN). */
const MAX_EXEC = 130_000

/** Opens the persistent shell over a link. A `boot` script that is short enough travels in the exec request. */
export const openShell = async (
  link: Link,
  target: Target,
  boot: string | undefined,
  limits: Limits,
  options: ScriptOptions = {},
): Promise<{ session: Session; first: Promise<Output> | undefined }> => {
  if (boot?.includes('\0')) throw nulError(boot)
  // `exec /bin/sh` at the end: the session gets a new shell, without the variables that the boot script has set.
  let how = entry(
    target,
    () => `${boot === undefined ? '' : frame(SPELLED, 1, boot).toString()}exec /bin/sh`,
  )
  const fits = Buffer.byteLength(how.command) < MAX_EXEC
  if (!fits) how = entry(target, () => 'exec /bin/sh')
  const shell = new Shell(link, target, limits, await start(link, target, how, limits))
  const first =
    boot === undefined
      ? undefined
      : fits
        ? shell.booted(boot, options)
        : shell.run(boot, { ...options, marked: true })
  first?.catch(() => undefined) // the caller may await it later
  return { session: shell, first }
}
