import type { Command } from './command.ts'
import type { ExitCode } from './exit-codes.ts'
import { copies, noteStays, reasons, warmOptions } from './operator-options.ts'

/** The commands for warm jobs that recur. @param askingExitCodes those of every command that asks a node */
export const scheduleCommands = (askingExitCodes: readonly ExitCode[]): readonly Command[] => {
  const shared = {
    exitCodes: ['ok', ...askingExitCodes],
    asks: true,
    load: () => import('./commands/schedule.ts'),
  } as const
  return [
    {
      ...shared,
      name: 'schedule',
      summary: 'have nodes fetch images again and again',
      usage: "NAME IMAGE… --every '0 3 * * *'",
      words: { min: 2, max: Number.POSITIVE_INFINITY },
      description:
        'Each node works out by itself when it is due, in trusted time, and makes a warm job of it that is the same on all nodes. While a node is ' +
        'offline or off nothing is begun; when it is back it makes up for the newest time, once. A schedule of that name is replaced, and ' +
        `what it was is told. ${noteStays} ` +
        'The expression is minute, hour, day of the month, month and day of the week; seconds may stand before them.',
      options: [
        { name: 'every', value: 'CRON', summary: 'when, as a cron expression' },
        { name: 'time-zone', value: 'ZONE', summary: 'in which it is read; UTC' },
        {
          name: 'jitter',
          value: 'DURATION',
          summary: 'up to how much later nodes begin, each always by the same; 10m',
        },
        warmOptions.nodes,
        { ...warmOptions.copies, name: 'image-copies' },
        warmOptions.platforms,
        warmOptions.referrers,
        ...reasons,
        copies,
      ],
      examples: [
        {
          line: "holdfast schedule nightly nginx:1.27 redis:7 --every '0 3 * * *'",
          does: 'at 3:00 UTC, on all nodes',
        },
        {
          line: "holdfast schedule bridge nginx:1.27 --every '0 6 * * mon' --time-zone Europe/Berlin --node van-2",
          does: 'once a week, on one node',
        },
      ],
    },
    {
      ...shared,
      name: 'unschedule',
      summary: 'have images fetched no more that `schedule` named',
      usage: 'NAME',
      words: { min: 1, max: 1 },
      description: 'A run of it that is under way ends, too. What was fetched stays.',
      options: [copies],
      examples: [{ line: 'holdfast unschedule nightly', does: '' }],
    },
    {
      ...shared,
      name: 'schedules',
      isWatchable: true,
      summary: 'list what is fetched again and again',
      usage: '[NAME]',
      words: { min: 0, max: 1 },
      description:
        'With when this node begins next, and the job that the newest run is. What warm.images of the configuration names is among them. With NAME it shows one, with all of its images.',
      options: [],
      examples: [
        { line: 'holdfast schedules', does: 'all' },
        { line: 'holdfast schedules nightly', does: 'one, with its images' },
      ],
      load: () => import('./commands/schedules.ts'),
    },
  ]
}
