import { directory } from './directory.ts'
import { writeFile, type FileOptions } from './file.ts'
import { checkTask, expect, type Result } from './resource.ts'

export interface UnitOptions extends Omit<FileOptions, 'validate' | 'mode' | 'owner'> {
  /** Extend a packaged unit (/etc/systemd/system/NAME.d/fmc.conf) instead of defining one. */
  readonly dropIn?: boolean | undefined
}

/** A unit file of our own in /etc/systemd/system, or a drop-in; systemd reads it again as part of the same change. */
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
    // A template is no unit, so systemd cannot be asked about it.
    unit: name.includes('@.') ? undefined : name,
  })
}
