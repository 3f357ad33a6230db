import type { Config } from '../config/config.ts'
import { noTracer, type Tracer } from '../ports/tracer.ts'

/** Spans go nowhere unless a collector is named: then, and only then, what sends them is loaded. */
export async function openTracing(
  { tracing: { endpoint, share }, node }: Pick<Config, 'tracing' | 'node'>,
  { version }: { readonly version: string },
  owned: AsyncDisposableStack,
): Promise<Tracer> {
  if (endpoint === undefined) return noTracer
  const { openTracer } = await import('../adapters/otel/open-tracer.ts')
  const tracer = openTracer({ endpoint, share, node: node.name, version })
  owned.defer(() => tracer.close())
  return tracer
}
