import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'

/** What the server says to one question: addresses, no such name, a failure, or nothing at all. */
export type NameAnswer = readonly string[] | 'nxdomain' | 'servfail' | 'silence'

export interface NameServer {
  /** As `resolv.conf` takes it here: `127.0.0.1:PORT`. */
  readonly address: string
  /** Questions seen, as `A name`. */
  readonly asked: string[]
  /** Resolves when the next question has come. */
  nextQuestion(): Promise<unknown>
  close(): Promise<void>
}

const types = { 1: 'A', 28: 'AAAA' } as const

/** A DNS server on loopback; `say` is asked at each question. */
export async function startNameServer(
  say: (name: string, type: string) => NameAnswer,
): Promise<NameServer> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (message, from) => answer(message, from))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')

  function answer(message: Buffer, from: RemoteInfo) {
    const { name, end } = readName(message)
    const type = types[message.readUInt16BE(end) as 1 | 28] ?? 'other'
    asked.push(`${type} ${name}`)
    socket.emit('question')
    const said = say(name, type)
    if (said === 'silence') return
    socket.send(encode(message, end + 4, type, said), from.port, from.address)
  }

  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    nextQuestion: () => once(socket, 'question'),
    async close() {
      socket.close()
      await once(socket, 'close')
    },
  }
}

function readName(message: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

// https://www.rfc-editor.org/rfc/rfc1035#section-4.1
function encode(question: Buffer, end: number, type: string, said: NameAnswer): Buffer {
  const wanted = Array.isArray(said) ? said.filter(a => a.includes(':') === (type === 'AAAA')) : []
  const code = said === 'nxdomain' ? 3 : said === 'servfail' ? 2 : 0
  const head = Buffer.from(question.subarray(0, end))
  head.writeUInt16BE(0x8180 | code, 2)
  head.writeUInt16BE(wanted.length, 6)
  head.writeUInt32BE(0, 8)
  return Buffer.concat([head, ...wanted.map(address => record(address, type))])
}

function record(address: string, type: string): Buffer {
  const bytes = type === 'A' ? Buffer.from(address.split('.').map(Number)) : ipv6Bytes(address)
  const head = Buffer.from([0xc0, 12, 0, type === 'A' ? 1 : 28, 0, 1, 0, 0, 0, 30, 0, bytes.length])
  return Buffer.concat([head, bytes])
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === '' ? [] : tail.split(':')
  const gap = Array<string>(8 - before.length - after.length).fill('0')
  const words = [...before, ...gap, ...after].map(word => Number.parseInt(word, 16))
  return Buffer.from(words.flatMap(word => [word >> 8, word & 255]))
}
