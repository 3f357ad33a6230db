import t from 'tap'
import type { MayStand } from '../../src/adapters/containerd-setup/stand-behind.ts'
import { createStandBehind } from '../../src/daemon/stand-behind.ts'
import { HoldfastError } from '../../src/ports/errors.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { Mode } from '../../src/ports/mode.ts'

const second = 1_000

/** One registry's file, and a registry that answers when it is told to. */
function scene(wishes: { stands?: boolean; mode?: Mode; unseen?: string } = {}) {
  let nowMs = 0
  let heardAtMs: number | undefined
  let { stands = false, unseen } = wishes
  let isThere: boolean | undefined = false
  let fault: Error | undefined
  let unread: Error | undefined
  const notes: (string | undefined)[] = []
  const warnings: unknown[] = []
  const asked: number[] = []
  let terms: MayStand['terms'] = { upstreamPath: '', aloneSha256: '' }
  const hold = async (to: boolean) => {
    if (fault !== undefined) throw fault
    stands = to
    return to
  }
  const behind = createStandBehind({
    files: {
      async read(): Promise<readonly MayStand[]> {
        if (unread !== undefined) throw unread
        return [{ registry: 'registry.lab', path: '', stands, terms }]
      },
      put: () => hold(true),
      take: async () => void (await hold(false)),
      whyUnseen: async () => unseen,
      note: async why => void notes.push(why),
    },
    upstream: {
      heardAtMs: () => heardAtMs,
      async isThere() {
        asked.push(nowMs)
        if (isThere) heardAtMs = nowMs
        return isThere ?? new Promise(() => {})
      },
    },
    mode: () => wishes.mode ?? 'auto',
    clock: { monotonicMs: () => nowMs },
    log: { ...silentLog, warn: (fields: unknown) => void warnings.push(fields) },
  })
  return {
    behind,
    notes,
    warnings,
    asked,
    stands: () => stands,
    heard: () => {
      heardAtMs = nowMs
    },
    isDown: () => {
      heardAtMs = undefined
    },
    /** Absent: a question to it takes for ever. */
    answers: (now: boolean | undefined) => {
      isThere = now
    },
    fails: (error: Error | undefined) => {
      fault = error
    },
    forbid: () => {
      terms = undefined
    },
    hides: (error: Error | undefined) => {
      unread = error
    },
    sees: () => {
      unseen = undefined
    },
    /** A look each second. */
    async pass(seconds: number) {
      for (let i = 0; i < seconds; i += 1) {
        nowMs += second
        await behind.look()
      }
    },
  }
}

t.test('a registry stands behind the mirror from its first answer on', async t => {
  const { behind, stands, heard, pass } = scene()
  await behind.begin()
  await pass(3)
  t.equal(stands(), false, 'nobody has heard of it')
  heard()
  await pass(1)
  t.equal(stands(), true)
})

t.test('what an earlier process left there goes before anything is known', async t => {
  const { behind, stands } = scene({ stands: true })
  await behind.begin()
  t.equal(stands(), false)
})

t.test('one that is known to be down goes with the next look, and comes back', async t => {
  const { behind, stands, heard, isDown, pass } = scene()
  await behind.begin()
  heard()
  await pass(1)
  isDown()
  await pass(1)
  t.equal(stands(), false)
  heard()
  await pass(1)
  t.equal(stands(), true)
})

t.test('one that nobody asks for is asked twice a minute, and stays while it answers', async t => {
  const { behind, stands, heard, answers, asked, pass } = scene()
  answers(true)
  await behind.begin()
  heard()
  await pass(120)
  t.equal(stands(), true)
  t.strictSame(
    asked,
    [30, 60, 90, 120].map(at => at * second),
  )
})

t.test(
  'a question that is not answered takes it away at once, an answer brings it back',
  async t => {
    const { behind, stands, heard, answers, asked, pass } = scene()
    await behind.begin()
    heard()
    await pass(29)
    t.equal(stands(), true)
    await pass(2)
    t.equal(stands(), false)
    await pass(9)
    t.equal(asked.length, 2, 'asked again after ten seconds')
    answers(true)
    await pass(11)
    t.equal(stands(), true)
  },
)

t.test('an answer holds for three quarters of a minute, whatever becomes of the next', async t => {
  const { behind, stands, heard, answers, pass } = scene()
  answers(undefined)
  await behind.begin()
  heard()
  await pass(45)
  t.equal(stands(), true)
  await pass(1)
  t.equal(stands(), false)
})

t.test('with mode offline nobody is asked, and nobody stands behind', async t => {
  const { behind, stands, heard, asked, pass } = scene({ mode: 'offline' })
  await behind.begin()
  heard()
  await pass(40)
  t.equal(stands(), false)
  t.strictSame(asked, [])
})

t.test('where containerd would not see it, it is told once and noted', async t => {
  const { behind, stands, answers, warnings, notes, pass, sees } = scene({ unseen: 'not shared' })
  answers(true)
  await behind.begin()
  await pass(40)
  t.equal(stands(), false)
  t.strictSame(warnings, [{ reason: 'not shared' }])
  t.strictSame([...new Set(notes)], ['not shared'])
  sees()
  await pass(31)
  t.equal(stands(), true)
  t.equal(notes.at(-1), undefined)
})

t.test('what cannot be mounted is tried again now and then', async t => {
  const { behind, stands, answers, warnings, notes, pass, fails } = scene()
  answers(true)
  await behind.begin()
  fails(new HoldfastError('config-invalid', 'mount: must be superuser'))
  await pass(5)
  t.strictSame(warnings, [{ reason: 'mount: must be superuser' }])
  t.equal(notes.at(-1), 'mount: must be superuser')
  fails(undefined)
  await pass(30)
  t.equal(stands(), true)
})

t.test('what cannot be taken away is tried again, and nobody says that it is', async t => {
  const { behind, stands, heard, isDown, warnings, pass, fails } = scene()
  await behind.begin()
  heard()
  await pass(1)
  isDown()
  fails(new HoldfastError('config-invalid', 'umount: must be superuser'))
  await pass(3)
  t.equal(stands(), true)
  t.strictSame(warnings, [])
  fails(undefined)
  await pass(1)
  t.equal(stands(), false)
})

t.test('what cannot be read is told once, and looked at again', async t => {
  const { behind, stands, answers, warnings, pass, hides } = scene()
  answers(true)
  hides(new HoldfastError('config-invalid', 'journal.json is no journal'))
  await behind.begin()
  await pass(20)
  t.strictSame(warnings, [{ reason: 'journal.json is no journal' }])
  hides(undefined)
  await pass(6)
  t.equal(stands(), true)
})

t.test('one that may not stand there any more goes, however well it answers', async t => {
  const { behind, stands, answers, asked, pass, forbid } = scene()
  answers(true)
  await behind.begin()
  await pass(2)
  t.equal(stands(), true)
  forbid()
  await pass(5)
  t.equal(stands(), false)
  const questions = asked.length
  await pass(60)
  t.equal(stands(), false)
  t.equal(asked.length, questions, 'and nobody asks it for that')
})
