import { join } from 'node:path'
import { Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js'
import type { Test } from 'tap'
import { folderOf } from './support.ts'

/** A field with a length, as https://protobuf.dev/programming-guides/encoding/ has it. */
export function field(number: number, bytes: string | Buffer): Buffer {
  const content = Buffer.from(bytes)
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content])
}

/** A field that is a number. */
export const numberField = (number: number, value: number): Buffer =>
  Buffer.concat([varint(number * 8), varint(value)])

function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = BigInt(value)
  for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128)
  return Buffer.from([...bytes, Number(left)])
}

/** A server on a unix socket that knows these methods alone, by the bytes of its answers; what it was asked, by method, in hex. */
export async function serveBytes(t: Test, answers: Readonly<Record<string, Buffer>>) {
  const socket = join(await folderOf(t), 'c.sock')
  const asked = new Map<string, string>()
  const server = new Server()
  const asIs = (bytes: Buffer) => bytes
  for (const [name, answer] of Object.entries(answers)) {
    const method = {
      path: `/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    } as const
    server.addService(
      { [name]: method },
      {
        [name]({ request }: { request: Buffer }, done: sendUnaryData<Buffer>) {
          asked.set(name, request.toString('hex'))
          done(null, answer)
        },
      },
    )
  }
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), error =>
      error === null ? resolve() : reject(error),
    ),
  )
  t.teardown(() => server.forceShutdown())
  return { socket, asked }
}
