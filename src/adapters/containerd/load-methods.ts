import { fileURLToPath } from 'node:url'
import { loadSync } from '@grpc/proto-loader'

/** Where a method is described: a file under `proto/`, its service with the package, its name. */
export type MethodName = readonly [file: string, service: string, method: string]

/** Reads what `.proto` files say of these methods; `Methods` says the same by hand. */
export function loadMethods<Methods>(names: Readonly<Record<keyof Methods, MethodName>>): Methods {
  const folder = fileURLToPath(new URL('../../../proto/', import.meta.url))
  const entries = Object.entries<MethodName>(names)
  const files = [...new Set(entries.map(([, [file]]) => folder + file))]
  const loaded = loadSync(files, { longs: Number, enums: String, defaults: true })
  const methods = entries.map(([key, [, service, method]]) => {
    const found = loaded[service] as Record<string, unknown>
    return [key, found[method]]
  })
  return Object.fromEntries(methods) as Methods
}
