/** What is told of a span; absent is what is not known. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>

/** Tells where the time of a request went. */
export interface Tracer {
  /**
   * Runs something as a span below the one that is running, and passes on what comes of it. A failure's class is told, its message not.
   *
   * @param describe what came out
   */
  span<T>(
    name: string,
    attributes: SpanAttributes,
    run: () => Promise<T>,
    describe?: (result: T) => SpanAttributes,
  ): Promise<T>
}

/** Tells nobody. */
export const noTracer: Tracer = { span: (_name, _attributes, run) => run() }
