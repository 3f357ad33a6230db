import { parseRegistry } from '../../oci/reference.ts'
import { createHealth, type Health, type HealthParts } from './health.ts'
import { endpointsOf } from './presets.ts'
import type { UpstreamsSettings } from './settings.ts'

/** Registries known by `"*"` alone that are remembered at a time: anybody can name new ones. */
const maxUnnamed = 200

/** The endpoints of every registry that may be asked. */
export interface Registries {
  /** In the order to ask them, the registry's own last; empty when it is not configured. */
  find(registry: string): readonly Health[]
  all(): readonly Health[]
}

/**
 * Makes the books of all configured endpoints; those of registries that only `"*"` allows are made when first asked for.
 * @throws HoldfastError `config-invalid` for a URL that cannot be used
 */
export function createRegistries(parts: HealthParts, upstreams: UpstreamsSettings): Registries {
  const isAnyAllowed = Object.hasOwn(upstreams, '*')
  const named = new Map<string, readonly Health[]>()
  const unnamed = new Map<string, readonly Health[]>()

  function open(registry: string): readonly Health[] {
    return endpointsOf(registry, upstreams).map(endpoint => createHealth(parts, endpoint))
  }

  function openUnnamed(registry: string): readonly Health[] {
    if (parseRegistry(registry) !== registry) return []
    const oldest = unnamed.keys().next()
    if (unnamed.size >= maxUnnamed && !oldest.done) {
      for (const health of unnamed.get(oldest.value) ?? []) health.stop()
      unnamed.delete(oldest.value)
    }
    const healths = open(registry)
    unnamed.set(registry, healths)
    return healths
  }

  for (const registry of Object.keys(upstreams)) {
    if (registry !== '*') named.set(registry, open(registry))
  }

  return {
    find(registry) {
      const known = named.get(registry) ?? unnamed.get(registry)
      if (known !== undefined) return known
      return isAnyAllowed ? openUnnamed(registry) : []
    },
    all: () => [...named.values(), ...unnamed.values()].flat(),
  }
}
