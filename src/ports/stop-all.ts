/** Ends several things as one. */
export const stopAll =
  (...stops: readonly (() => unknown)[]): (() => void) =>
  () => {
    for (const stop of stops) stop()
  }
