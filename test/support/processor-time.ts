/** Processor time of this process so far, all its threads, in ms: what others on the machine take does not count. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
