import { byeType, helloType } from '../mesh/mesh-message.ts'
import { recordsMessageType } from '../sync/wire.ts'
import type { MessageKind } from '../telemetry/mesh-metrics.ts'

/** What a message on the bus is about: its first byte says it. */
export function kindOf(message: Uint8Array): MessageKind {
  switch (message[0]) {
    case recordsMessageType:
      return 'records'
    case helloType:
      return 'hello'
    case byeType:
      return 'bye'
    default:
      return 'other'
  }
}
