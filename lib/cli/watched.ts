import type { OpenSession, Output, ScriptOptions, Session } from '../ssh/types.ts'

/** Gets each script that a session runs, when it is sent, with the promise of its answer. */
export type Heard = (
  host: string,
  script: string,
  answer: Promise<Output>,
  options: ScriptOptions,
) => void

/** Opens sessions as `open` does; `heard` learns what they run. */
export const watchSessions =
  (open: OpenSession, heard: Heard): OpenSession =>
  async (target, boot, options) => {
    const { session, first } = await open(target, boot, options)
    if (first) heard(target.name, boot ?? '', first, { ...options, marked: true })
    return { session: watched(session, heard), first }
  }

const watched = (session: Session, heard: Heard): Session =>
  new Proxy(session, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      const call = value.bind(target) as (...args: unknown[]) => unknown
      if (key !== 'run') return call
      return (script: string, options: ScriptOptions = {}) => {
        const answer = call(script, options) as Promise<Output>
        heard(target.target.name, script, answer, options)
        return answer
      }
    },
  })
