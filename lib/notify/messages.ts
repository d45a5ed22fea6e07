import { createHash } from 'node:crypto'
import { EXIT } from '../errors.ts'
import type { HookType } from '../inventory/types.ts'
import { cleanLine, safeJson } from '../text/sanitise.ts'
import type { Outgoing } from './post.ts'
import type { RunSummary } from './summary.ts'

/** Why a hook is called. `test`: by `fmc hooks test`. */
export type HookEvent = 'start' | 'success' | 'failure' | 'drift' | 'test'

/** What to send: the address and token of a hook, revealed. */
export interface Destination {
  readonly type: HookType
  readonly url: string
  readonly token?: string | undefined
}

/** The request that tells a service about a run. Texts of hosts are data: they notify nobody and are no markup. */
export const requestOf = (to: Destination, event: HookEvent, summary: RunSummary): Outgoing => {
  const request = WRITERS[to.type](to, event, summary)
  const token = to.token === undefined ? {} : { authorization: `Bearer ${to.token}` }
  return { ...request, headers: { ...request.headers, ...token } }
}

const JSON_TYPE = { 'content-type': 'application/json' }
const TEXT_TYPE = { 'content-type': 'text/plain; charset=utf-8' }

const WRITERS: Readonly<
  Record<HookType, (to: Destination, event: HookEvent, summary: RunSummary) => Outgoing>
> = {
  webhook: ({ url }, event, summary) => ({
    url,
    headers: JSON_TYPE,
    body: safeJson({ event, text: titleOf(event, summary), ...summary }),
  }),
  // api.slack.com/messaging/webhooks; Mattermost, Rocket.Chat and Discord (…/slack) take the same.
  slack: ({ url }, event, summary) => ({
    url,
    headers: JSON_TYPE,
    body: JSON.stringify({
      text: [
        `*${inSlack(titleOf(event, summary))}*`,
        ...fenced(linesOf(event, summary).map(inSlack)),
      ].join('\n'),
    }),
  }),
  // docs.ntfy.sh/publish: the text is the body; title, priority and tags are headers.
  ntfy: ({ url }, event, summary) => ({
    url,
    headers: {
      ...TEXT_TYPE,
      title: header(titleOf(event, summary)),
      priority: event === 'failure' ? 'high' : 'default',
      tags:
        { failure: 'rotating_light', drift: 'warning', success: 'white_check_mark' }[
          event as string
        ] ?? 'information_source',
    },
    body: linesOf(event, summary).join('\n').slice(0, NTFY_BYTES) || titleOf(event, summary),
  }),
  // healthchecks.io/docs/http_api: /start, an exit code, or /log, which changes no state; rid pairs start and end.
  healthchecks: ({ url }, event, summary) => ({
    url: withPath(
      url,
      event === 'start' ? 'start' : event === 'test' ? 'log' : String(summary.exitCode),
      event === 'test' ? undefined : uuidOf(summary.run),
    ),
    headers: TEXT_TYPE,
    body: [titleOf(event, summary), ...linesOf(event, summary)].join('\n'),
  }),
}

/** ntfy makes an attachment of a longer text; most characters have one byte. */
const NTFY_BYTES = 3000

/** The same path with one more step. `url` may be no URL: then the request fails with that reason. */
function withPath(url: string, step: string, rid: string | undefined): string {
  if (!URL.canParse(url)) return url
  const parsed = new URL(url)
  parsed.pathname = `${parsed.pathname.replace(/\/+$/, '')}/${step}`
  if (rid !== undefined) parsed.searchParams.set('rid', rid)
  return parsed.href
}

/** A UUID for a run, the same each time (RFC 9562, version 8). */
export const uuidOf = (run: string): string =>
  createHash('sha256')
    .update(`fmc run ${run}`)
    .digest('hex')
    .slice(0, 32)
    .replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-8$4-$5')

const ENDINGS: Readonly<Record<number, string>> = {
  [EXIT.unreachable]: 'a host was unreachable',
  [EXIT.interrupted]: 'interrupted',
  [EXIT.terminated]: 'terminated',
}

/** In one line: "fmc play site on admin1: failed". */
export function titleOf(
  event: HookEvent,
  { command, controller, dryRun, exitCode }: RunSummary,
): string {
  const what = {
    start: 'begins',
    success: 'done',
    failure: ENDINGS[exitCode] ?? 'failed',
    drift: 'drift found',
    test: 'this is a test of a hook',
  }[event]
  return cleanLine(`fmc ${command}${dryRun ? ' (dry run)' : ''} on ${controller}: ${what}`)
}

/** What there is to say besides the title, a line each. */
function linesOf(event: HookEvent, s: RunSummary): string[] {
  if (event === 'start' || event === 'test') return []
  const { ok, changed, failed, unreachable } = s.counts
  const hosts = (word: string, names: readonly string[]): string[] =>
    names.length === 0
      ? []
      : [`${word}: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ' …' : ''}`]
  return [
    `exit code ${s.exitCode}, ${s.hosts} hosts, ${s.seconds} s`,
    `ok ${ok}, changed ${changed}, failed ${failed}, unreachable ${unreachable}`,
    ...hosts(event === 'drift' || s.dryRun ? 'would change' : 'changed', s.changed),
    ...hosts('failed', s.failed),
    ...hosts('unreachable', s.unreachable),
    ...s.problems.map(({ host, role, task, message }) =>
      [[host, role, task].filter(part => part !== undefined).join(' › '), message]
        .filter(part => part !== '')
        .join(': '),
    ),
    ...(s.next === undefined ? [] : [s.next]),
  ].map(cleanLine)
}

/** Slack's three control characters, by which a text could call everybody (api.slack.com/reference/surfaces/formatting). */
const inSlack = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/[`*]/g, "'")

/** In a block of code no chat looks for names such as @all. */
const fenced = (lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['```', ...lines, '```']

/** A value of an HTTP header: other than ASCII by RFC 2047, which ntfy reads. */
const header = (text: string): string =>
  /^[ -~]*$/.test(text) ? text : `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`
