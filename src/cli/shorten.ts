/** Makes the digests and times in a text shorter, and leaves the rest. */
export type Shorten = (text: string) => string

/** Digests by their beginning, as people compare them, and times to the second. */
export const brief: Shorten = text =>
  text
    .replaceAll(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, '$1…')
    .replaceAll(/(T\d\d:\d\d:\d\d)\.\d+Z/g, '$1Z')

/** To what just tells one from another. */
const tight: Shorten = text =>
  text
    .replaceAll(/sha256:([0-9a-f]{12})[0-9a-f]{52}/g, '$1')
    .replaceAll(/\d{4}-(\d\d-\d\dT\d\d:\d\d):\d\d(\.\d+)?Z/g, '$1Z')

/** From what is whole to what is shortest. */
export const shortenings: readonly [Shorten, ...Shorten[]] = [text => text, brief, tight]
