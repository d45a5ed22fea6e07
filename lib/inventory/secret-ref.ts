import { UsageError } from '../errors.ts'
import { Secret } from '../secrets/secret.ts'

/** `!secret name` in an inventory: a Secret whose text is not known yet. It prints as ‹secret›. */
export class SecretRef extends Secret {
  readonly file: string
  readonly line: number
  readonly column: number
  constructor(name: string, file: string, line: number, column: number) {
    super('', name)
    this.file = file
    this.line = line
    this.column = column
  }
  /** Always throws UsageError; resolveSecrets() replaces the reference by a Secret that has a text. */
  override reveal(): string {
    throw new UsageError(
      `${this.file}:${this.line}:${this.column}: the secret ${this.name} was not read from the secrets file`,
    )
  }
}
