import type { ExitCode } from './exit-codes.ts'

/** Ends a command with an exit code and a message for the person at the keyboard. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly code: ExitCode
  /** What the node said of it, where one did. */
  readonly said: string | undefined

  /** @param message what went wrong and what to do, never a credential */
  constructor(code: ExitCode, message: string, cause?: unknown, said?: string) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.said = said
  }
}
