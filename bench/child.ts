import { fileURLToPath } from 'node:url'
import { memoryFlags, startFlags } from '../src/start-flags.ts'
import { type Running, start, until } from '../test/system/support/process.ts'

/** A program of the bench that has a process of its own, so that it costs nobody else's time. */
export type ChildName =
  | 'load'
  | 'admin'
  | 'download'
  | 'copy'
  | 'bare-route'
  | 'upstream'
  | 'peer-server'
  | 'peer-copy'
  | 'peer-relay'
  | 'gossip'
  | 'scale'
  | 'members'

/** Where a child's program is. */
export const childPath = (name: ChildName): string =>
  fileURLToPath(new URL(`./process/${name}.ts`, import.meta.url))

/** Children that stand for a node have what a node is started with. */
const nodeFlags = [...startFlags, ...memoryFlags]

function flagsOf(name: ChildName): readonly string[] {
  if (name === 'scale' || name === 'members') return ['--expose-gc']
  return name.startsWith('peer-') ? nodeFlags : []
}

/** Starts a child with one JSON argument, behind the prefix of a command. */
function startChild(name: ChildName, input: object, within: readonly string[] = []): Running {
  const own = [...flagsOf(name), childPath(name), JSON.stringify(input)]
  const [command = process.execPath, ...args] = [...within, process.execPath, ...own]
  return start(command, args)
}

/** Runs a child to its end, `within` another network, and reads the JSON that it prints. Rejects with its output when it fails. */
export async function runChild<T>(
  name: 'load' | 'admin' | 'download' | 'copy' | 'peer-copy' | 'scale' | 'members',
  input: object,
  within: readonly string[] = [],
): Promise<T> {
  const running = startChild(name, input, within)
  const code = await running.ended
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${running.output()}`)
  return JSON.parse(running.output()) as T
}

/** Starts a child that serves, and waits for the URL that it prints. */
export async function startServer(
  name: 'bare-route' | 'peer-server' | 'peer-relay',
  input: object,
) {
  const running = startChild(name, input)
  const url = await until(`${name} listens`, () => /^http:\S+$/m.exec(running.output())?.[0])
  return { url, pid: running.pid, stop: () => running.stop() }
}
