/** The registry at the other end of the uplink: the tests' scripted one, told over IPC what to hold and how to fail. */
import { makeSingleImage } from '../../test/support/image.ts'
import { startRegistry } from '../../test/support/registry.ts'

/** An image to hold, one platform, under `tag`. Equal layers and salts are equal images. */
export interface Published {
  readonly repository: string
  readonly tag: string
  readonly salt: string
  readonly layers: readonly number[]
}

/** What the bench tells it. */
export type UpstreamOrder =
  | { readonly do: 'publish'; readonly images: readonly Published[] }
  | { readonly do: 'forget'; readonly repository: string; readonly digest: string }
  | { readonly do: 'freeze' | 'thaw' | 'refuse' | 'heal' | 'count' | 'url' }
  | { readonly do: 'throttle'; readonly bytesPerSecond: number }

/** What it says to that. */
export interface UpstreamAnswer {
  readonly url: string
  /** Requests for blobs, and bytes of blobs sent, since the last `count`. */
  readonly blobFetches: number
  readonly blobBytes: number
}

const registry = await startRegistry()

function publish({ repository, tag, salt, layers }: Published): void {
  const image = makeSingleImage({ salt, layers })
  const { digest, mediaType, blobs } = image
  registry.addImage(repository, { blobs, tags: new Map([[tag, { digest, mediaType }]]) })
}

async function obey(order: UpstreamOrder): Promise<void> {
  switch (order.do) {
    case 'publish':
      return order.images.forEach(publish)
    case 'forget':
      return registry.removeBlob(order.repository, order.digest as never)
    case 'freeze':
      return registry.freeze()
    case 'thaw':
      return registry.thaw()
    case 'refuse':
      return registry.refuse()
    case 'heal':
      return registry.heal()
    case 'throttle':
      registry.fault({ do: 'slow', bytesPerSecond: order.bytesPerSecond }, { kind: 'blob' })
      return undefined
    case 'count':
    case 'url':
      return undefined
  }
}

async function answer(order: UpstreamOrder): Promise<UpstreamAnswer> {
  await obey(order)
  const counts = { blobFetches: registry.count('blob'), blobBytes: registry.bytesSent('blob') }
  if (order.do === 'count') registry.clearLog()
  return { url: registry.url, ...counts }
}

process.on('message', ({ id, order }: { id: number; order: UpstreamOrder }) => {
  answer(order)
    .then(said => process.send?.({ id, said }))
    .catch(error => process.send?.({ id, failure: String(error) }))
})
process.on('disconnect', () => process.exit())
