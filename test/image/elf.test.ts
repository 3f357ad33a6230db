import { readFile } from 'node:fs/promises'
import t from 'tap'
import { faultsOfPrograms, readElf } from '../../image/elf.ts'
import { type Entry, file } from '../../image/entry.ts'

const addon = async (name: string) =>
  readFile(new URL(`../../node_modules/better-sqlite3/prebuilds/${name}`, import.meta.url))

t.test('a library tells its processor and what it needs', async t => {
  const arm = readElf(await addon('linux-arm64.node'))
  t.equal(arm?.architecture, 'arm64')
  t.ok(arm?.needed.includes('libc.so.6'))
  t.equal(arm?.loader, undefined)
  t.equal(readElf(await addon('linux-x64.node'))?.architecture, 'amd64')
})

t.test('a program tells its loader', async t => {
  const elf = readElf(await readFile(process.execPath))
  t.match(elf?.loader, /^\/lib.*\/ld-linux/)
  t.ok(elf?.needed.some(name => name.startsWith('libstdc++.so')))
})

t.test('what is no ELF file is none, and no other processor is taken for ours', async t => {
  t.equal(readElf(Buffer.from('#!/usr/bin/node\n')), undefined)
  t.equal(readElf(Buffer.from('\x7fELF')), undefined)
  t.equal(readElf(await addon('darwin-arm64.node')), undefined)
  const riscv = Buffer.from(await addon('linux-x64.node'))
  riscv.writeUInt16LE(243, 18)
  t.equal(readElf(riscv)?.architecture, undefined)
})

t.test('an image whose programs could not run there is found out', async t => {
  const libraries = (...names: string[]): Entry[] =>
    names.map(name => file(`usr/lib/aarch64-linux-gnu/${name}`, ''))
  const program = file('opt/x.node', await addon('linux-arm64.node'))
  const needed = ['libstdc++.so.6', 'libm.so.6', 'libc.so.6', 'ld-linux-aarch64.so.1']
  const whole = [program, ...libraries(...needed)]
  t.same(faultsOfPrograms(whole, 'arm64'), [])
  t.match(faultsOfPrograms(whole, 'amd64'), ['opt/x.node is not for amd64'])
  t.same(faultsOfPrograms([program, ...libraries(...needed.slice(1))], 'arm64'), [
    'opt/x.node needs libstdc++.so.6',
  ])
  const node = file('usr/bin/node', await readFile(process.execPath))
  const { architecture = 'amd64', loader } = readElf(await readFile(process.execPath)) ?? {}
  t.ok(faultsOfPrograms([node], architecture).includes(`usr/bin/node needs ${loader}`))
})
