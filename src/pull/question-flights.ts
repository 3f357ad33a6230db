/** A question under way that several clients wait for. */
export interface Flight<T> {
  /** What the one who started it learns. Never left unhandled: the flight handles its own rejection. */
  readonly answer: Promise<T>
}

interface Queue<F> {
  running: number
  /** The flight that starts next, with what starts it early. */
  next: { readonly joined: Promise<F>; readonly start: () => void } | undefined
}

/** How long a queued flight waits for the running one, in ms. */
const queueMs = 100
/** Flights of one question at the same time. */
const maxRunning = 10

/**
 * One flight per question, shared by all who ask it, with one rule: a request joins only a flight that started after it arrived,
 * so nobody gets an answer older than his question. The queued flight starts when the running one ends or after 100 ms, whichever
 * is first; at most ten run per question.
 *
 * @param launch starts the question itself; `answer` of what it returns tells when it has ended
 */
export function createQuestionFlights<K, F extends Flight<unknown>>(
  keyOf: (question: K) => string,
  launch: (question: K) => F,
): (question: K) => Promise<F> {
  const queues = new Map<string, Queue<F>>()

  function run(question: K, name: string, queue: Queue<F>): F {
    queue.running += 1
    const flight = launch(question)
    const ended = () => {
      queue.running -= 1
      if (queue.next !== undefined) queue.next.start()
      else if (queue.running === 0) queues.delete(name)
    }
    flight.answer.then(ended, ended)
    return flight
  }

  function enqueue(question: K, name: string, queue: Queue<F>): Promise<F> {
    const { promise, resolve, reject } = Promise.withResolvers<F>()
    let timer: NodeJS.Timeout | undefined
    const start = () => {
      clearTimeout(timer)
      if (queue.running >= maxRunning) return // the flight that ends next starts it
      queue.next = undefined
      try {
        resolve(run(question, name, queue))
      } catch (error) {
        reject(error)
      }
    }
    timer = setTimeout(start, queueMs)
    queue.next = { joined: promise, start }
    return promise
  }

  return question => {
    const name = keyOf(question)
    const queue = queues.get(name)
    if (queue === undefined) {
      const fresh: Queue<F> = { running: 0, next: undefined }
      queues.set(name, fresh)
      return Promise.resolve(run(question, name, fresh))
    }
    return queue.next?.joined ?? enqueue(question, name, queue)
  }
}
