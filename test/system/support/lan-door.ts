import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { plainly } from '../../support/plainly.ts'

/**
 * Ways between the test and programs in a network namespace. A unix socket is a file, and files are the same in all namespaces; so a
 * door is this script within, the test without, and a socket between them.
 */
export interface Door {
  /** From now on these ports of the test's loopback are the same ports of the host's loopback. */
  open(ports: readonly number[]): Promise<void>
  /** From now on this port of `address`, within, is the same port of the test's loopback. */
  publish(address: string, port: number): Promise<void>
  close(): Promise<void>
}

const self = fileURLToPath(import.meta.url)

/** Makes a door of the namespace that commands behind `within` run in. */
export async function hangDoor(within: readonly string[]): Promise<Door> {
  const dir = await mkdtemp(join(tmpdir(), 'hf-door-'))
  const processes: ChildProcess[] = []
  const servers: Server[] = []
  const inward = join(dir, 'in')

  async function run(...args: readonly string[]): Promise<void> {
    const [command, ...rest] = [...plainly, ...within, process.execPath, self, ...args]
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
    processes.push(child)
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => Promise.reject(new Error(`no door: ${args.join(' ')}`))),
    ])
  }

  await run('in', inward)
  return {
    async open(ports) {
      for (const port of ports) {
        const server = createServer(socket => {
          const inner = connect(inward)
          inner.write(`${port}\n`)
          couple(socket, inner)
        })
        servers.push(server.listen(port, '127.0.0.1'))
        await once(server, 'listening')
      }
    },
    async publish(address, port) {
      const outward = join(dir, `out-${port}`)
      const server = createServer(socket => couple(socket, connect(port, '127.0.0.1')))
      servers.push(server.listen(outward))
      await once(server, 'listening')
      await run('out', outward, address, String(port))
    },
    async close() {
      for (const server of servers) server.close()
      for (const child of processes) {
        if (child.kill('SIGKILL')) await once(child, 'exit')
      }
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** What ends at one side ends at the other. */
function couple(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to)
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }
}

/** Reads the line with the port that the other side of the door asks for. */
function letIn(socket: Socket): void {
  socket.once('readable', () => {
    const head: Buffer | null = socket.read()
    const end = head?.indexOf('\n') ?? -1
    if (head === null || end < 0) return void socket.destroy()
    socket.unshift(head.subarray(end + 1))
    couple(socket, connect(Number(head.toString('latin1', 0, end)), '127.0.0.1'))
  })
  socket.on('error', () => socket.destroy())
}

if (process.argv[1] === self) {
  const [way, path = '', address, port] = process.argv.slice(2)
  const server =
    way === 'in'
      ? createServer(letIn).listen(path)
      : createServer(socket => couple(socket, connect(path))).listen(Number(port), address)
  server.once('listening', () => process.stdout.write('open\n'))
}
