import type { ExitCode } from './exit-codes.ts'

/** Ends a command with an exit code and a message for the person at the keyboard. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly code: ExitCode

  /** @param message what went wrong and what to do, never a credential */
  constructor(code: ExitCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
