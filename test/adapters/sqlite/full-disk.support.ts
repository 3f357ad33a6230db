import { closeSync, openSync, writeSync } from 'node:fs'
import type { Test } from 'tap'
import { answer, image, keyOf, nginx, today } from '../../ports/tag-ledger.support.ts'
import { messages, type openIn } from './support.ts'

type Opened = Awaited<ReturnType<typeof openIn>>

/** Fills the database until a write is refused, and checks what then holds. Returns how many pins were taken. */
export async function checkFull(t: Test, opened: Opened): Promise<number> {
  const { ledger, lines, resolutions } = opened
  await answer(ledger, 'before', { dateMs: today })
  const { filled, refusal } = await fill(ledger)
  t.match(refusal, { name: 'HoldfastError', code: 'ledger-unusable' })
  t.ok(filled > 0)
  t.equal(ledger.stats().writable, false)
  t.match(ledger.live(nginx), image('before'), 'it still answers')
  t.equal(ledger.list({ limit: 10_000 }).length, filled + 1, 'what was refused is not there')
  const last = keyOf('docker.io', 'library/fill', `t${filled - 1}`)
  t.match(ledger.pin(last), image(`${filled - 1}`))
  await t.rejects(answer(ledger, 'during', { dateMs: today }), { code: 'ledger-unusable' })
  t.match(ledger.live(nginx), image('before'))
  const answered = { digest: undefined, source: 'none', reason: 'x', saidBy: undefined }
  resolutions.add({ reference: 'a', ...answered, atMs: 1 })
  t.equal(resolutions.find({ limit: 10 }).length, 1, 'resolutions wait in memory')
  t.ok(messages(lines, 'error').includes('ledger write failed'))
  return filled
}

/** Sets pins with long notes until one is refused. */
async function fill(ledger: Opened['ledger']): Promise<{ filled: number; refusal: unknown }> {
  const note = 'x'.repeat(4_000)
  for (let n = 0; n < 5_000; n++) {
    try {
      await ledger.setPin(keyOf('docker.io', 'library/fill', `t${n}`), image(`${n}`), { note })
    } catch (refusal) {
      return { filled: n, refusal }
    }
  }
  throw new Error('it did not get full')
}

/** Writes a file until the disk it lies on has not one byte left. */
export function fillDisk(file: string): void {
  const fd = openSync(file, 'w')
  for (const size of [65_536, 4_096, 1]) {
    try {
      for (;;) writeSync(fd, Buffer.alloc(size))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    }
  }
  closeSync(fd)
}
