import { readFile, writeFile } from 'node:fs/promises'

/** Resident memory of a process, in MB of 10^6 bytes. */
export interface Memory {
  /** Sampled. */
  readonly usualMb: number
  /** The kernel's own high-water mark since the watch began. */
  readonly peakMb: number
}

/** Resident memory now, and the most since the process began or the mark was reset. In MB. */
async function readMemory(pid: number): Promise<{ nowMb: number; highestMb: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const mbOf = (name: string): number =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024) / 1e6
  return { nowMb: mbOf('VmRSS'), highestMb: mbOf('VmHWM') }
}

/** Resident memory of a process now, in MB. */
export const residentMb = async (pid: number): Promise<number> => (await readMemory(pid)).nowMb

/** Watches a process while `work` goes on. */
export async function watchMemory(pid: number, work: () => Promise<void>): Promise<Memory> {
  await writeFile(`/proc/${pid}/clear_refs`, '5') // resets the high-water mark
  const samples: number[] = []
  let failure: unknown
  const sample = async (): Promise<void> => {
    samples.push(await residentMb(pid))
  }
  const timer = setInterval(() => {
    sample().catch(error => {
      failure = error
    })
  }, 100)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  if (failure !== undefined) throw failure
  const { nowMb, highestMb } = await readMemory(pid)
  samples.push(nowMb)
  return { usualMb: samples.sort((a, b) => a - b)[samples.length >> 1] ?? nowMb, peakMb: highestMb }
}
