import type { Socket } from 'node:net'

/** What is said of a request that cannot be read. */
export type TellUnreadable = (
  message: string,
  status: 400 | 431,
) => { readonly type: string; readonly body: string }

/** Answers bytes that are no request, or one with endless headers. Without a 408: containerd would come back six times. */
export function refuseUnreadable(
  maxHeaderBytes: number,
  tell: TellUnreadable,
): (error: NodeJS.ErrnoException, socket: Socket) => void {
  return (error, socket) => {
    // Once something was written here, a second answer could land in the middle of a blob.
    if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
      socket.destroy()
      return
    }
    const isTooLong = error.code === 'HPE_HEADER_OVERFLOW'
    const { type, body } = isTooLong
      ? tell(`headers beyond ${maxHeaderBytes} bytes`, 431)
      : tell('not an HTTP request', 400)
    const head = [
      `HTTP/1.1 ${isTooLong ? '431 Request Header Fields Too Large' : '400 Bad Request'}`,
      'Connection: close',
      `Content-Type: ${type}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ]
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
  }
}
