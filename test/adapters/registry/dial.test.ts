import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { dial, orderAddresses } from '../../../src/adapters/registry/dial.ts'
import { serveTcp } from './support/transport.ts'

const never = new AbortController().signal

t.test('families take turns, the preferred one first', async t => {
  const addresses = ['10.0.0.1', '10.0.0.2', 'fd00::1']
  t.strictSame(orderAddresses(addresses, undefined, true), ['fd00::1', '10.0.0.1', '10.0.0.2'])
  t.strictSame(orderAddresses(addresses, undefined, false), ['10.0.0.1', 'fd00::1', '10.0.0.2'])
})

t.test('the address that worked last goes first, if it is still one', async t => {
  const addresses = ['10.0.0.1', '10.0.0.2']
  t.strictSame(orderAddresses(addresses, '10.0.0.2', false), ['10.0.0.2', '10.0.0.1'])
  t.strictSame(orderAddresses(addresses, '10.0.0.9', false), addresses)
})

t.test('a refusal moves on at once', async t => {
  const { port } = await serveTcp(t, () => undefined)
  const before = performance.now()
  const refusing = Array.from({ length: 40 }, (_, i) => `127.0.1.${i + 1}`)
  const addresses = [...refusing, '127.0.0.1']
  const socket = await dial({ addresses, port, host: 'registry.test' }, never)
  t.equal(socket.remoteAddress, '127.0.0.1')
  t.ok(performance.now() - before < 8_000, 'without forty waits for a silent one')
  socket.destroy()
})

/** Makes 127.0.0.2 silent on a port: its listener is stopped, and its queue full, so that the kernel drops what comes. */
async function silence(t: Test, port: number): Promise<void> {
  const program = `require('net').createServer().listen({ host: '127.0.0.2', port: ${port}, backlog: 1 }, () => console.log('up'))`
  const listener = spawn(process.execPath, ['-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => listener.kill('SIGKILL'))
  await once(listener.stdout, 'data')
  listener.kill('SIGSTOP')
  for (let isSilent = false; !isSilent; ) {
    const filler = connect(port, '127.0.0.2').on('error', () => undefined)
    t.teardown(() => filler.destroy())
    await Promise.race([once(filler, 'connect'), wait(100)])
    // What came while this process had no turn is told by now.
    await new Promise(setImmediate)
    isSilent = filler.connecting
  }
}

t.test('a silent address does not keep the next one waiting for long', async t => {
  const { port } = await serveTcp(t, () => undefined)
  await silence(t, port)
  const before = performance.now()
  const addresses = ['127.0.0.2', '127.0.0.1']
  const socket = await dial({ addresses, port, host: 'registry.test' }, never)
  t.equal(socket.remoteAddress, '127.0.0.1')
  const tookMs = performance.now() - before
  t.ok(tookMs > 200 && tookMs < 10_000, `after a share of the time: ${tookMs} ms`)
  socket.destroy()
  const silent = AbortSignal.timeout(150)
  const alone = dial({ addresses: ['127.0.0.2'], port, host: 'registry.test' }, silent)
  await t.rejects(alone, { name: 'TimeoutError' }, 'the address is silent indeed')
})

t.test('when all refuse, all causes are kept', async t => {
  const addresses = ['127.0.0.2', '127.0.0.3']
  await t.rejects(dial({ addresses, port: 1, host: 'registry.test' }, never), {
    code: 'unreachable',
    reason: 'connect',
    message: 'registry.test:1 cannot be connected to (ECONNREFUSED)',
    cause: { errors: [{ code: 'ECONNREFUSED' }, { code: 'ECONNREFUSED' }] },
  })
})

t.test('an abort ends it with its reason', async t => {
  const controller = new AbortController()
  const dialling = dial({ addresses: ['127.0.0.1'], port: 1, host: 'x' }, controller.signal)
  controller.abort(new Error('gone'))
  await t.rejects(dialling, { message: 'gone' })
  const target = { addresses: ['127.0.0.1'], port: 1, host: 'x' }
  await t.rejects(dial(target, controller.signal), { message: 'gone' })
})
