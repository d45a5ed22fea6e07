import { Secret, z } from '../../lib/index.ts'

const DOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/
const URL = /^https?:\/\/[A-Za-z0-9.:[\]-]+(\/[\w./~-]*)?$/
const text = (pattern: RegExp, expected: string) =>
  z.string().regex(pattern, { error: `expected ${expected}` })
const url = text(URL, 'an address such as https://api.ipify.org')

export const vars = z.object({
  ddns_records: z
    .array(
      z.strictObject({
        name: text(DOMAIN, 'a name such as home.example.org').describe(
          'Its A record must already exist',
        ),
        zone: text(DOMAIN, 'a domain such as example.org')
          .optional()
          .describe('Default: the last two parts of the name'),
      }),
    )
    .default([])
    .describe("Names that get this site's public address; none: the role does nothing"),
  ddns_token: z
    .instanceof(Secret)
    .optional()
    .describe("Cloudflare's API token with the permission Zone.DNS Edit for these zones"),
  ddns_sources: z
    .array(url)
    .min(2)
    .max(2)
    .default(['https://api.ipify.org', 'https://ipv4.icanhazip.com'])
    .describe('Two services that answer with the address of the client; they must agree'),
  ddns_minutes: z.int().min(1).max(1440).default(5).describe('Minutes between two runs'),
  ddns_api: url
    .default('https://api.cloudflare.com/client/v4')
    .describe("Base URL of Cloudflare's API"),
})

export type Vars = z.output<typeof vars>
