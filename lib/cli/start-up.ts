/** What the launcher (lib/cached.js) and the commands tell each other. */
export const startUp = {
  /** import() of a file. A bundle that runs from V8's code cache has none of its own and gets the launcher's. */
  importFile: (url: string): Promise<unknown> => import(url),
  /** Set by a command that has used all that a run needs: worth remembering as compiled code. */
  ran: false,
}
