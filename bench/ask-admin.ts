import { setTimeout as delay } from 'node:timers/promises'
import { timed } from './timed.ts'

/** A question of the admin API; with `body` it changes something. */
export interface AdminQuestion {
  /** What it is told under. */
  readonly name: string
  readonly path: string
  readonly method?: string
  readonly body?: object
}

/** What is asked, one after another and over again. */
export interface AdminTraffic {
  /** The admin API. */
  readonly url: string
  readonly token: string
  readonly questions: readonly AdminQuestion[]
  /** Between an answer and the next question. */
  readonly pauseMs: number
  readonly durationMs: number
}

/** How long each answer took, ms, by the question's name. */
export type AdminTimes = Readonly<Record<string, readonly number[]>>

/** Asks until the time is over. Rejects at the first answer that is none. */
export async function askAdmin(traffic: AdminTraffic): Promise<AdminTimes> {
  const times: Record<string, number[]> = {}
  const untilMs = performance.now() + traffic.durationMs
  for (let i = 0; performance.now() < untilMs; i += 1) {
    const question = traffic.questions[i % traffic.questions.length]
    if (question === undefined) break
    const took = await timed(() => ask(traffic, question))
    times[question.name] = [...(times[question.name] ?? []), took]
    await delay(traffic.pauseMs)
  }
  return times
}

async function ask({ url, token }: AdminTraffic, question: AdminQuestion): Promise<void> {
  const { path, method = 'GET', body } = question
  const answer = await fetch(new URL(path, url), {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
}
