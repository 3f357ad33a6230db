import { busyboxFiles } from '../../support/layer.ts'

const busybox = busyboxFiles('/bin/busybox')

/** An image that a pod can run, another one for each salt. */
export const runnable = (salt: string) => ({
  salt,
  platforms: ['linux/amd64'],
  layers: [busybox, 100_000],
  config: { Cmd: ['/bin/sleep', '100000'], Env: ['PATH=/bin'] },
})

/** A command of it that ends at once when it is told to. */
export const untilStopped = ['/bin/sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1; done']
