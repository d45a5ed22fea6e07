import { cleanLine } from '../text/sanitise.ts'
import { printError } from './print.ts'

/** Says once per run that `transport: auto` has chosen OpenSSH, for the first host for which it does. */
export class TransportNote {
  #said = false
  /** Where it goes; a run with a report sends it there. */
  say: (text: string) => void = text => {
    printError(`fmc: ${text}`)
  }

  chosen(host: string, why: string): void {
    if (this.#said) return
    this.#said = true
    this.say(
      cleanLine(
        `fmc connects to ${host} with OpenSSH, because ssh2 does not support ${why} (fmc facts shows the transport of each host)`,
      ),
    )
  }
}
