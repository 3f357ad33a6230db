/** A body that arrives when the test says so. */
export interface ScriptedBody {
  /** Where the body was asked to begin, once it was asked for. */
  readonly opened: Promise<number>
  /** Settles when whoever read it has left it, or read it to its end. */
  readonly closed: Promise<void>
  send(chunk: Uint8Array): void
  end(): void
  fail(error: Error): void
  /** For the fake: hands the body out. */
  open(offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>
}

type Step = { readonly chunk: Uint8Array } | { readonly end: true } | { readonly error: Error }

/** Makes a body without a timer in it. */
export function createScriptedBody(): ScriptedBody {
  const opened = Promise.withResolvers<number>()
  const closed = Promise.withResolvers<void>()
  const steps: Step[] = []
  let stepped = Promise.withResolvers<void>()

  function push(step: Step): void {
    steps.push(step)
    stepped.resolve()
  }

  async function next(aborted: Promise<never>): Promise<Step> {
    for (let step = steps.shift(); ; step = steps.shift()) {
      if (step !== undefined) return step
      await Promise.race([stepped.promise, aborted])
      stepped = Promise.withResolvers<void>()
    }
  }

  async function* read(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const aborted = Promise.withResolvers<never>()
    aborted.promise.catch(() => {})
    const abort = (): void => aborted.reject(signal.reason)
    signal.addEventListener('abort', abort)
    try {
      for (;;) {
        signal.throwIfAborted()
        const step = await next(aborted.promise)
        if ('error' in step) throw step.error
        if ('end' in step) return
        yield step.chunk
      }
    } finally {
      signal.removeEventListener('abort', abort)
      closed.resolve()
    }
  }

  return {
    opened: opened.promise,
    closed: closed.promise,
    send: chunk => push({ chunk }),
    end: () => push({ end: true }),
    fail: error => push({ error }),
    open(offset, signal) {
      opened.resolve(offset)
      return read(signal)
    },
  }
}
