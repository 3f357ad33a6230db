/** Has things done one after another, in the order in which they were asked for, whatever became of those before: each sees what they left. */
export function createOneByOne(): <T>(work: () => T | Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const doing = last.then(work)
    last = doing.catch(() => {})
    return doing
  }
}
