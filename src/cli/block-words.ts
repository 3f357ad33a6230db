import type { BlockChangeAnswer } from './operator-answers.ts'
import { columns, indented, type Line } from './table.ts'

/** Who has the image, as a property; who has only parts of it with how many. */
export function heldByProperty({ holders, completeHere }: BlockChangeAnswer) {
  const others = (holders ?? []).map(({ id, name, holds, of }) => {
    const who = name ?? id.slice(0, 12)
    return holds === of ? who : `${who} (${holds} of ${of} parts)`
  })
  const all = [...(completeHere === true ? ['this node'] : []), ...others]
  return ['held by', all.length > 0 ? all.join(', ') : undefined] as const
}

/** Which tags a block takes the digest from, or its end gives it back to, and what they are answered with now. */
export function hitLines({ key, tags, moreTags }: BlockChangeAnswer): readonly Line[] {
  if (tags == null) return []
  if (tags.length === 0) return ['', 'no tag that this node knows stands for it']
  const rows = tags.map(tag => [
    tag.reference,
    tag.digest === key ? 'the digest itself' : (tag.digest ?? 'nothing'),
    tag.source ?? '',
    tag.pinned ? 'pinned to it' : '',
    tag.reason,
  ])
  const more = moreTags != null && moreTags > 0 ? [`  and ${moreTags} more`] : []
  return [
    '',
    'tags that stand for it, and what they are answered with now:',
    ...columns([['TAG', 'ANSWERED WITH', 'SOURCE', 'PIN', 'BECAUSE'], ...rows]).map(indented),
    ...more,
  ]
}
