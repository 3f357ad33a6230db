import { Client, credentials, type Metadata, type MethodDefinition } from '@grpc/grpc-js'

/** What containerd itself sends and takes at most. */
const maxMessageBytes = 16 * 1024 * 1024
/** What may be on its way to us. With HTTP/2's own 64 KiB containerd would wait for our word sixteen times in each message of a blob. */
const windowBytes = 8 * 1024 * 1024

/** A connection of its own, made by the first call. @param socket path of a unix socket */
export function openClient(socket: string): Client {
  return new Client(`unix:${socket}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc-node.flow_control_window': windowBytes,
    // Otherwise a connection to a socket that was replaced meanwhile is shared with whoever connects by the same path.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  })
}

/** One question, one answer. Rejects with grpc-js's `ServiceError`, after `withinMs` at the latest. */
export function ask<Q, A>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<Q, A>,
  question: Q,
  metadata: Metadata,
  withinMs: number,
): Promise<A> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      question,
      metadata,
      { deadline: Date.now() + withinMs },
      (error, answer) => {
        if (error !== null) reject(error)
        else if (answer === undefined) reject(new Error(`${path} answered nothing`))
        else resolve(answer)
      },
    )
  })
}
