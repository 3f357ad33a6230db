import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { askOfTag, likelyBelow } from '../likely-tags.ts'
import { print, properties } from '../print.ts'
import type { Line } from '../table.ts'
import { type RefreshAnswer, refreshAnswer } from '../tag-answers.ts'
import { tagPath } from '../tag-words.ts'

const told: Readonly<Record<string, string>> = {
  new: 'was not known before',
  moved: 'moved',
  unchanged: 'is what it was',
  late: 'was not answered in time',
  failed: 'could not be asked for',
}

/** Where its registry did answer, and not with a digest. */
const failures: Readonly<Record<string, string>> = {
  'not-found': 'is not there, says its registry',
  denied: 'was refused by its registry; are upstreams.REGISTRY.auth right?',
  'rate-limited': 'was not asked for: its registry wants a pause',
}

/** `holdfast refresh REF` */
export const run: RunCommand = async context => {
  const [word = ''] = context.words
  const path = `${tagPath(word)}/refresh`
  const api = createAdminApi(await findAdmin(context))
  const answer = await askOfTag(api, word, () =>
    api.change('POST', path, { query: {} }, refreshAnswer),
  )
  const likely = answer.after == null ? await likelyBelow(context, api, word) : []
  print(context, answer, () => [...lines(answer), ...likely])
  return answer.saidBy == null ? 'noAnswer' : 'ok'
}

const tell = (outcome: string, failure: string | null | undefined): string =>
  (outcome === 'failed' ? failures[failure ?? ''] : undefined) ?? told[outcome] ?? outcome

function lines(answer: RefreshAnswer): readonly Line[] {
  const { reference, outcome, before, after, reason, failure, saidBy, pinnedDigest, tookMs } =
    answer
  return [
    `${reference} ${tell(outcome, failure)}`,
    ...properties([
      ['before', before ?? 'nothing'],
      ['now', after ?? 'nothing'],
      ['because', reason],
      ['upstream', failure],
      ['said by', saidBy],
      ['took', `${tookMs} ms`],
    ]),
    ...(pinnedDigest == null ? [] : ['', `it is pinned: clients get ${pinnedDigest}`]),
  ]
}
