import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { asOfAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { listOperatorWords, type OperatorWords } from '../list-operators.ts'
import type { OperatorsFile } from '../operators-file.ts'
import { toSchedule } from '../schedule-words.ts'

/** `holdfast backup` */
export const run: RunCommand = async context => {
  const api = createAdminApi(await findAdmin(context))
  const { node, asOf } = await api.get('/api/v1/status', {}, asOfAnswer)
  const { pins, keeps, blocks, bans, schedules, mode } = await listOperatorWords(api)
  const excluded = ({ key, note, author }: (typeof bans)[number]) => ({
    key,
    ...told(note, author),
  })
  const file: OperatorsFile = {
    holdfastBackup: 1,
    node,
    at: asOf,
    pins: pins.flatMap(writePin),
    keeps: keeps.map(({ pattern, note, author }) => ({ pattern, ...told(note, author) })),
    blocks: blocks.map(excluded),
    bans: bans.map(excluded),
    schedules: schedules.map(item => ({
      name: item.name,
      ...toSchedule(item),
      ...told(item.note, item.author),
    })),
    ...(mode !== undefined && {
      mode: {
        mode: mode.mode,
        ...(mode.until != null && { until: mode.until }),
        ...told(mode.note, mode.by),
      },
    }),
  }
  context.terminal.out(`${JSON.stringify(file, null, 2)}\n`)
  return 'ok'
}

const told = (note: string | null | undefined, author: string | null | undefined) => ({
  ...(note != null && { note }),
  ...(author != null && { author }),
})

/** A pin that is in force or blocked; nothing of one that is over. */
function writePin(pin: OperatorWords['pins'][number]): OperatorsFile['pins'] {
  const { reference, digest, standing, mediaType, size, expiresAt, note, author } = pin
  if (digest == null || standing === 'expired') return []
  return [
    {
      reference,
      digest,
      ...(mediaType != null && { mediaType }),
      ...(size != null && { size }),
      ...(expiresAt != null && { expiresAt }),
      ...told(note, author),
    },
  ]
}
