import t from 'tap'
import { answersFor, readAnswers, serviceName } from '../../../src/adapters/mdns/service.ts'

const self = 'ab'.repeat(32)

t.test('what a node says of itself is read as such', async t => {
  const { answers = [] } = answersFor({
    self,
    meshPort: 5053,
    keyIds: ['deadbeef', '00112233'],
    address: '10.0.0.1',
  })
  const heard = answers.map(answer =>
    answer.type === 'TXT'
      ? { ...answer, data: [answer.data].flat().map(line => Buffer.from(String(line))) }
      : answer,
  )
  t.strictSame(readAnswers(heard as Parameters<typeof readAnswers>[0]), [
    { id: self, port: 5053, keyIds: ['deadbeef', '00112233'] },
  ])
})

t.test('what is none of ours, or makes no sense, is left out', async t => {
  const name = `x.${serviceName}`
  const srv = (port: number) => ({ type: 'SRV', name, data: { port, target: 'x.local' } })
  const txt = (...lines: string[]) => ({ type: 'TXT', name, data: lines.map(l => Buffer.from(l)) })
  for (const answers of [
    [srv(5053)],
    [txt(`id=${self}`)],
    [srv(0), txt(`id=${self}`)],
    [srv(70_000), txt(`id=${self}`)],
    [srv(5053), txt('id=nobody')],
    [srv(5053), { type: 'TXT', name, data: 7 }],
    [{ type: 'SRV', name: 'x._http._tcp.local', data: { port: 80, target: 'x.local' } }],
    [],
  ]) {
    t.strictSame(readAnswers(answers as Parameters<typeof readAnswers>[0]), [])
  }
  t.strictSame(
    readAnswers([srv(1), txt(`id=${self}`)] as Parameters<typeof readAnswers>[0]),
    [{ id: self, port: 1, keyIds: [] }],
    'a node that names no key',
  )
})
