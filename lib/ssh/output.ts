/** The result of one command. `code` 128+n: signal n ended it. */
export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}
