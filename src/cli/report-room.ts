import { formatBytes } from './print.ts'
import { type Item, some } from './report-terms.ts'

type NoRoom = NonNullable<Item['noRoom']>[number]

/** Where there is no room for what is to be fetched, node by node, and what to do. */
export function tellNoRoom(toFetch: readonly Item[]): string[] {
  const all = toFetch.flatMap(({ reference, noRoom }) =>
    (noRoom ?? []).map(one => ({ ...one, told: tellSized(reference, one) })),
  )
  const groups = Object.groupBy(all, ({ node, why }) => `${node} ${why}`)
  return Object.values(groups).flatMap(group => {
    const [first] = group ?? []
    return first === undefined ? [] : [tellNode(first, some((group ?? []).map(({ told }) => told)))]
  })
}

function tellNode({ node, why, quotaBytes }: NoRoom, images: string): string {
  if (why === 'quota') {
    const most =
      quotaBytes == null ? 'too little' : `${formatBytes(quotaBytes)} at most, too little`
    return `the store of ${node} may hold ${most} for ${images}: raise store.quotaBytes there`
  }
  return `the store of ${node} is full, and has no room for ${images}: \`holdfast store --node ${node}\` tells what takes it`
}

const tellSized = (reference: string, { bytes }: NoRoom): string =>
  bytes == null ? reference : `${reference} (${formatBytes(bytes)})`
