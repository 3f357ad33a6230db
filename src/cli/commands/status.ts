import { type StatusAnswer, statusAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { askNodes } from '../each-node.ts'
import { formatAge, formatBytes, properties } from '../print.ts'
import { columns, type Line } from '../table.ts'

/** `holdfast status` */
export const run: RunCommand = context =>
  askNodes(context, {
    what: 'status',
    ask: (api, path) => api.get(path, {}, statusAnswer),
    lines,
    heads: ['MODE', 'UP', 'TAGS', 'PINS', 'STORE', 'REGISTRIES', 'OTHERS', 'VERSION', 'WORSE'],
    row,
    foot: answers =>
      answers.some(({ ready, degraded }) => !ready || degraded.length > 0)
        ? ['', '`holdfast status --node NODE` tells what is worse there, and what to do']
        : [],
  })

function row(answer: StatusAnswer): string[] {
  const { mode, uptimeSeconds, ledger, store, endpoints, mesh, version, ready, degraded } = answer
  const up = endpoints.filter(({ state }) => state === 'closed').length
  const reach = mode === 'offline' ? 'not asked' : `${up} of ${endpoints.length}`
  const reasons = [...(ready ? [] : ['not ready']), ...degraded.map(({ reason }) => reason)]
  return [
    mode,
    formatAge(uptimeSeconds),
    String(ledger.observations),
    String(ledger.pins),
    formatBytes(store.blobBytes + store.partialBytes),
    reach,
    mesh.enabled ? `${mesh.alive} of ${mesh.members}` : '',
    version,
    reasons.join(', ') || 'nothing',
  ]
}

function lines(answer: StatusAnswer): readonly Line[] {
  const { node, version, uptimeSeconds, ready, degraded, ledger, store, containerd } = answer
  const { blobs, blobBytes, partialBytes, freeBytes, totalBytes } = store
  const state = ready ? 'ready' : 'not ready: it does not answer clients'
  return [
    `${node} is ${state}`,
    ...degraded.map(({ reason, detail }) => `  ${reason}: ${detail}`),
    ...(degraded.length > 0 ? [''] : []),
    ...properties([
      ['mode', tellMode(answer)],
      ['up', `${formatAge(uptimeSeconds)}, version ${version}`],
      ['known', `${count(ledger.observations, 'tag')}, ${count(ledger.pins, 'pin')}`],
      [
        'store',
        `${count(blobs, 'blob')}, ${formatBytes(blobBytes + partialBytes)}; ${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} of the disk free`,
      ],
      ['containerd', containerd && tellContainerd(containerd)],
      ['pods', answer.pods && tellPods(answer.pods)],
      ['mesh', tellMesh(answer)],
      ['clock', tellClock(ledger)],
    ]),
    ...endpointLines(answer),
  ]
}

const count = (number: number, what: string): string =>
  `${number} ${number === 1 ? what : `${what}s`}`

function tellMode({ mode, modeDecidedBy }: StatusAnswer): string {
  if (modeDecidedBy === 'node') return `${mode}, as it was set for this node`
  return modeDecidedBy === 'cluster' ? `${mode}, as it was set for all nodes` : mode
}

function tellContainerd({
  state,
  version,
  images,
}: NonNullable<StatusAnswer['containerd']>): string {
  return [state, ...(version == null ? [] : [version]), count(images, 'image')].join(', ')
}

function tellPods({
  state,
  failure,
  running,
  ended,
}: NonNullable<StatusAnswer['pods']>): string | undefined {
  if (state === 'off') return undefined
  const known = `${count(running, 'container')} running, ${ended} ended lately`
  if (state === 'seen') return known
  const before = running + ended === 0 ? '' : `; before that ${known}`
  return `not seen: ${failure ?? 'not looked yet'}${before}`
}

function tellMesh({ mesh }: StatusAnswer): string {
  if (!mesh.enabled) return 'none'
  return `${mesh.alive} of ${count(mesh.members, 'other node')} alive, ${count(mesh.neighbours, 'neighbour')}`
}

function tellClock({ clockVerified, clockOffsetMs }: StatusAnswer['ledger']): string {
  const size = formatAge(Math.abs(clockOffsetMs) / 1_000)
  const off =
    Math.abs(clockOffsetMs) < 1_000 ? '' : `, ${size} ${clockOffsetMs > 0 ? 'behind' : 'ahead'}`
  return `${clockVerified ? 'confirmed' : 'not confirmed since the start'}${off}`
}

function endpointLines(answer: StatusAnswer): readonly Line[] {
  const { endpoints } = answer
  if (endpoints.length === 0) return []
  const rows = endpoints.map(endpoint => {
    const { registry, url, openRepositories, lastFailure, lastFailureAt } = endpoint
    const ago = lastFailureAt == null ? '' : `${formatAgo(lastFailureAt, answer.asOf)}: `
    return [
      registry,
      tellEndpoint(endpoint, answer),
      openRepositories > 0 ? String(openRepositories) : '',
      url,
      lastFailure == null ? '' : `${ago}${lastFailure}`,
    ]
  })
  return [
    '',
    ...columns([['REGISTRY', 'STATE', 'REPOSITORIES DOWN', 'URL', 'LAST FAILURE'], ...rows]),
  ]
}

function tellEndpoint(
  { state, answered, downSince }: StatusAnswer['endpoints'][number],
  { mode }: StatusAnswer,
): string {
  if (mode === 'offline') return 'not asked: mode is offline'
  if (state === 'closed') return answered === false ? 'not heard so far' : 'answers'
  const since = downSince == null ? '' : ` since ${downSince}`
  return `does not answer${since}${state === 'half-open' ? ', is being tried' : ''}`
}

/** @param at ISO 8601, as `now` is */
const formatAgo = (at: string, now: string): string =>
  `${formatAge(Math.max(0, Date.parse(now) - Date.parse(at)) / 1_000)} ago`
