import { directory } from './directory.ts'
import { writeFile, type FileOptions } from './file.ts'
import { checkTask, expect, type Result } from './resource.ts'

export interface UnitOptions extends Omit<FileOptions, 'validate' | 'mode' | 'owner'> {
  /** Extend a packaged unit with /etc/systemd/system/NAME.d/fmc.conf instead of defining one. Default false. */
  readonly dropIn?: boolean | undefined
}

/**
 * Makes sure that a systemd unit file, or a drop-in, in /etc/systemd/system has this content (root:root 0644). The same change
 * reloads systemd, but does not restart the unit: use a handler.
 *
 * @param name - with its suffix, such as app.service
 * @throws TaskError for a name that is not a unit file name.
 *
 * @example
 * await unit('app.service', {
 *   content: '[Service]\nExecStart=/usr/local/bin/app\n[Install]\nWantedBy=multi-user.target\n',
 *   notify: 'restart app',
 * })
 * await service('app')
 */
export async function unit(name: string, options: UnitOptions): Promise<Result> {
  await checkTask(`unit ${name}`, () =>
    expect(
      /^[\w@.:\\-]+\.(service|timer|socket|mount|automount|path|target|slice)$/.test(name) &&
        !name.startsWith('-'),
      `${JSON.stringify(name)} is not a unit file name such as foo.service`,
    ),
  )
  const { dropIn, ...rest } = options
  const dir = `/etc/systemd/system${dropIn ? `/${name}.d` : ''}`
  if (dropIn) await directory(dir)
  return writeFile({
    ...rest,
    path: `${dir}/${dropIn ? 'fmc.conf' : name}`,
    ofSystemd: true,
    // A template is not a unit itself; systemd cannot show it.
    unit: name.includes('@.') ? undefined : name,
  })
}
