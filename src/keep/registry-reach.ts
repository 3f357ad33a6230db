import { isCount, readList } from '../ledger/cbor.ts'

const states = ['answers', 'unheard', 'down', 'offline', 'unconfigured'] as const

/**
 * Whether a node can fetch from a registry now, by what it knows. `answers`: it did when it was last asked; `unheard`: it has not been asked
 * since the node started; `down`: it is known not to answer, or asked not to be asked; `offline`: the mode of the node is; `unconfigured`: the
 * node may not ask it.
 */
export interface RegistryReach {
  readonly state: (typeof states)[number]
  /** How long it has been down or, of one that answers, how long ago it did, ms. */
  readonly forMs: number | undefined
}

/** Whether asking it makes sense. */
export const isWorthAsking = ({ state }: RegistryReach): boolean =>
  state === 'answers' || state === 'unheard'

/** The registries of some images, each once. */
export const registriesOf = (
  images: readonly { readonly key: { readonly registry: string } }[],
): readonly string[] => [...new Set(images.map(({ key }) => key.registry))]

/** As nodes tell it each other, by the places of the registries. */
export const encodeReaches = (
  reaches: ReadonlyMap<string, RegistryReach>,
  registries: readonly string[],
): readonly unknown[] =>
  registries.map(registry => {
    const { state, forMs = -1 } = reaches.get(registry) ?? { state: 'unconfigured' }
    return [state, Math.round(forMs)]
  })

/** Nothing of what cannot be read: a node of before says nothing, a later one may know more states. Never throws. */
export function decodeReaches(
  value: unknown,
  registries: readonly string[],
): ReadonlyMap<string, RegistryReach> {
  const rows = readList(value, registries.length, row => (Array.isArray(row) ? row : undefined))
  const read = (rows ?? []).flatMap(([name, forMs]: readonly unknown[], at) => {
    const [registry, state] = [registries[at], states.find(state => state === name)]
    if (registry === undefined || state === undefined) return []
    return [[registry, { state, forMs: isCount(forMs) ? forMs : undefined }] as const]
  })
  return new Map(read)
}
