import { type AttributeValue, type Span, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { SpanAttributes, Tracer } from '../../ports/tracer.ts'

/** A tracer that sends spans away. */
export interface OpenedTracer extends Tracer {
  /** Sends what is left, for a second at the most. */
  close(): Promise<void>
}

/** Spans wait for each other so long, and a collector that does not answer is left alone after this; ms. */
const [delayMs, exportWithinMs] = [2_000, 5_000]
const closeWithinMs = 1_000

/**
 * Sends spans to a collector, as OTLP over HTTP in JSON, behind everything else: what it does not take is dropped. Nothing of it is global,
 * so that two nodes in one process do not mix. Source: https://opentelemetry.io/docs/specs/otlp/
 */
export function openTracer(settings: {
  /** URL that traces are posted to, such as `http://collector:4318/v1/traces`. */
  readonly endpoint: string
  /** Of traces that are sent, from 0 to 1. */
  readonly share: number
  readonly node: string
  readonly version: string
}): OpenedTracer {
  const exporter = new OTLPTraceExporter({ url: settings.endpoint, timeoutMillis: exportWithinMs })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'holdfast',
      'service.version': settings.version,
      'service.instance.id': settings.node,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(settings.share) }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        scheduledDelayMillis: delayMs,
        exportTimeoutMillis: exportWithinMs,
      }),
    ],
  })
  const tracer = provider.getTracer('holdfast', settings.version)
  const contexts = new AsyncLocalStorageContextManager().enable()

  return {
    async span(name, attributes, run, describe) {
      const parent = contexts.active()
      const span = tracer.startSpan(name, { attributes: known(attributes) }, parent)
      try {
        const result = await contexts.with(trace.setSpan(parent, span), run)
        if (describe !== undefined) span.setAttributes(known(describe(result)))
        return result
      } catch (error) {
        tell(span, error)
        throw error
      } finally {
        span.end()
      }
    },
    async close() {
      const closing = provider.shutdown().catch(() => {})
      await Promise.race([
        closing,
        new Promise(resolve => setTimeout(resolve, closeWithinMs).unref()),
      ])
    },
  }
}

function known(attributes: SpanAttributes): Record<string, AttributeValue> {
  const told: Record<string, AttributeValue> = {}
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) told[name] = value
  }
  return told
}

function tell(span: Span, error: unknown): void {
  const type = error instanceof Error ? error.name : 'unknown'
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  span.setAttribute('error.type', code ?? type)
  // Who asked may have left: that is no fault of what was asked.
  if (type !== 'AbortError') span.setStatus({ code: SpanStatusCode.ERROR })
}
