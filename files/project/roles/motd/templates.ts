import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const template = readFileSync(join(import.meta.dirname, 'motd.txt'), 'utf8')

/** The text of /etc/motd. */
export const message = (values: { readonly host: string; readonly contact: string }): string =>
  template.replaceAll('{{host}}', values.host).replaceAll('{{contact}}', values.contact)
