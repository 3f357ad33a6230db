/** Has things done one after another, in the order in which they were asked for, whatever became of those before: each sees what they left. */
export function createOneByOne(): <T>(work: () => T | Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const doing = last.then(work)
    last = doing.catch(() => {})
    return doing
  }
}

/** As {@link createOneByOne}, of each thing by itself: what concerns another one does not wait. */
export function createOneByOneOfEach(): <T>(
  name: string,
  work: () => T | Promise<T>,
) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return (name, work) => {
    const doing = (last.get(name) ?? Promise.resolve()).then(work)
    const ended = doing
      .catch(() => {})
      .then(() => {
        if (last.get(name) === ended) last.delete(name)
      })
    last.set(name, ended)
    return doing
  }
}
