import t from 'tap'
import {
  collide,
  formatListen,
  isLoopback,
  parseListen,
  parsePlace,
} from '../../src/config/listen.ts'

t.test('an address to listen on is a host and a port', async t => {
  t.same(parseListen('127.0.0.1:5050'), { host: '127.0.0.1', port: 5050 })
  t.same(parseListen('[::1]:0'), { host: '::1', port: 0 })
  t.same(parseListen('Node-1.lan:65535'), { host: 'node-1.lan', port: 65_535 })
  for (const text of [
    '5050',
    ':5050',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:70000',
    '127.0.0.1:-1',
    '1.2.3:80',
    '300.0.0.1:80',
    '::1:5050',
    '[127.0.0.1]:80',
    '[::g]:80',
    'http://127.0.0.1:80',
    'a b:80',
    '',
  ]) {
    t.equal(parseListen(text), undefined, JSON.stringify(text))
  }
})

t.test('a node is looked for at a host, with a port or without', async t => {
  t.same(parsePlace('10.0.0.1:5053'), { host: '10.0.0.1', port: 5053 })
  t.same(parsePlace('mesh.lan'), { host: 'mesh.lan', port: undefined })
  t.same(parsePlace('[fd00::1]:6000'), { host: 'fd00::1', port: 6000 })
  t.same(parsePlace('[fd00::1]'), { host: 'fd00::1', port: undefined })
  for (const text of [
    '10.0.0.11:99999',
    '10.0.0.11:0',
    'http://x:1',
    '::1:5053', // the port could be a part of the address
    'fd00::1',
    'mesh.lan:',
    'a b:1',
    '300.0.0.1',
    '',
  ]) {
    t.equal(parsePlace(text), undefined, JSON.stringify(text))
  }
})

t.test('an address is written as it was read', async t => {
  for (const text of ['127.0.0.1:5050', '[::1]:5050', 'localhost:0']) {
    const address = parseListen(text)
    t.equal(address && formatListen(address), text)
  }
})

const at = (text: string) => parseListen(text) ?? { host: '', port: -1 }

t.test('only this machine reaches loopback', async t => {
  for (const text of ['127.0.0.1:1', '127.9.9.9:1', '[::1]:1', 'localhost:1'])
    t.ok(isLoopback(at(text)), text)
  for (const text of ['0.0.0.0:1', '[::]:1', '10.0.0.1:1', '127.example:1'])
    t.notOk(isLoopback(at(text)), text)
})

t.test('listeners collide on one port of hosts that overlap', async t => {
  const colliding: [string, string][] = [
    ['127.0.0.1:1', '127.0.0.1:1'],
    ['0.0.0.0:1', '127.0.0.1:1'],
    ['127.0.0.1:1', '[::]:1'],
    ['localhost:1', '127.0.0.1:1'],
    ['localhost:1', '[::1]:1'],
  ]
  for (const [a, b] of colliding) t.ok(collide(at(a), at(b)), `${a} ${b}`)
  const apart: [string, string][] = [
    ['127.0.0.1:1', '127.0.0.1:2'],
    ['127.0.0.1:0', '127.0.0.1:0'],
    ['127.0.0.1:1', '127.0.0.2:1'],
    ['127.0.0.1:1', '[::1]:1'],
    ['0.0.0.0:1', '[::1]:1'],
  ]
  for (const [a, b] of apart) t.notOk(collide(at(a), at(b)), `${a} ${b}`)
})
