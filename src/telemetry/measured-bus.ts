import type { Bus } from '../ports/bus.ts'
import type { MeshMeter, MessageKind } from './mesh-metrics.ts'

/** Counts what goes over a bus. @param kindOf what a message is about */
export function measureBus(
  bus: Bus,
  parts: {
    readonly meter: MeshMeter['bus']
    readonly kindOf: (message: Uint8Array) => MessageKind
  },
): Bus {
  const { meter, kindOf } = parts
  return {
    ...bus,
    async publish(message) {
      const neighbours = await bus.publish(message)
      meter.published(kindOf(message), message.byteLength)
      return neighbours
    },
    judge(judge) {
      bus.judge(async (message, from) => {
        const verdict = await judge(message, from)
        meter.judged(kindOf(message), verdict, message.byteLength)
        return verdict
      })
    },
  }
}
