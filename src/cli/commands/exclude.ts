import { findAdmin } from '../admin-address.ts'
import { type AdminApi, createAdminApi } from '../admin-api.ts'
import { peersAnswer } from '../answers.ts'
import { heldByProperty, hitLines } from '../block-words.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import type { ExitCode } from '../exit-codes.ts'
import {
  type BlockChangeAnswer,
  blockChangeAnswer,
  type ExclusionsAnswer,
  exclusionAnswer,
  exclusionsAnswer,
} from '../operator-answers.ts'
import {
  beforeLines,
  hasEnough,
  isWhat,
  mustHaveBeen,
  readCopies,
  readDigest,
  saidProperties,
  storedOnProperty,
  tooFewLines,
} from '../operator-words.ts'
import { formatSayer, print, properties } from '../print.ts'
import { apart, asOne, oneEach, sayEach } from '../say-each.ts'
import { sayAgain } from '../standing-word.ts'
import { columns, type Line } from '../table.ts'

const kinds = {
  ban: { path: '/api/v1/bans', method: 'PUT', did: 'is banned' },
  unban: { path: '/api/v1/bans', method: 'DELETE', did: 'is no longer banned' },
  block: { path: '/api/v1/blocks', method: 'PUT', did: 'is blocked' },
  unblock: { path: '/api/v1/blocks', method: 'DELETE', did: 'is no longer blocked' },
} as const

/** `holdfast ban`, `unban`, `bans`, `block`, `unblock`, `blocks` */
export const run: RunCommand = async context => {
  const { command } = context
  if (command === 'bans' || command === 'blocks') return list(context, `/api/v1/${command}`)
  return change(context, kinds[command as keyof typeof kinds])
}

async function change(
  context: CommandContext,
  { path, method, did }: (typeof kinds)[keyof typeof kinds],
): Promise<ExitCode> {
  const { options } = context
  const words = [...new Set(context.words)]
  const copies = readCopies(options['copies'])
  const isNode = path === kinds.ban.path
  // All of them first: nothing is said where one is no digest, or no node.
  const digests = isNode ? [] : words.map(readDigest)
  const api = createAdminApi(await findAdmin(context))
  const find = (word: string) => findNode(api, word, method === 'DELETE')
  const keys = oneEach(words, isNode ? await Promise.all(words.map(find)) : digests)
  const { answers, failure } = await sayEach([...keys.keys()], async word => {
    const key = keys.get(word) ?? word
    const at = `${path}/${key}`
    const again = method === 'PUT' && (await sayAgain(api, at, options, exclusionAnswer))
    const answer = await api.change(method, at, { query: { copies }, ...again }, blockChangeAnswer)
    const kind = isNode ? 'ban' : 'block'
    if (method === 'DELETE') {
      mustHaveBeen(answer, `there is no ${kind} of ${key}; \`holdfast ${kind}s\` lists them`)
    }
    return answer
  })
  if (answers.length > 0) {
    const tell = (answer: BlockChangeAnswer) =>
      changeLines(answer, method === 'PUT' ? isWhat(did, answer) : did, copies)
    print(context, asOne(answers, [...keys.keys()]), () => apart(answers.map(tell)))
  }
  if (failure !== undefined) throw failure
  return answers.every(answer => hasEnough(answer, copies)) ? 'ok' : 'noAnswer'
}

const changeLines = (
  answer: BlockChangeAnswer,
  did: string,
  copies: number | undefined,
): readonly Line[] => [
  `${answer.name == null ? answer.key : `${answer.name} (${answer.key.slice(0, 12)})`} ${did}`,
  ...properties([
    ...saidProperties(answer),
    storedOnProperty(answer.storedOn),
    heldByProperty(answer),
  ]),
  ...beforeLines(answer),
  ...hitLines(answer),
  ...tooFewLines(answer, copies),
]

/** The id of a node that is named by it, by its beginning, or by the name it goes by. A ban is also found when nobody knows the node. */
async function findNode(api: AdminApi, word: string, isBanned: boolean): Promise<string> {
  if (/^[0-9a-f]{64}$/.test(word)) return word
  const bans = isBanned ? await api.get('/api/v1/bans', {}, exclusionsAnswer) : undefined
  const banned = (bans?.items ?? []).map(({ key, name }) => ({ id: key, name: name ?? '' }))
  const { self, members } = await api.get('/api/v1/peers', {}, peersAnswer)
  const isPrefix = /^[0-9a-f]{6,63}$/.test(word)
  const named = (nodes: readonly { readonly id: string; readonly name: string }[]) =>
    new Set(
      nodes
        .filter(({ id, name }) => name === word || (isPrefix && id.startsWith(word)))
        .map(({ id }) => id),
    )
  // Who was set up anew has the name of the banned one.
  const meant = named(banned)
  const found = meant.size > 0 ? meant : named([...(self ? [self] : []), ...members, ...banned])
  const [id] = found
  if (id !== undefined && found.size === 1) return id
  const cure =
    found.size === 0
      ? '`holdfast peers` lists them; one that is not listed is named by its whole id'
      : `it is one of ${[...found].map(other => other.slice(0, 12)).join(', ')}: write more of its id`
  const code = found.size === 0 ? 'noAnswer' : 'usage'
  throw new CommandFailure(code, `which node is ${JSON.stringify(word)}? ${cure}`)
}

async function list(context: CommandContext, path: string): Promise<ExitCode> {
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get(path, {}, exclusionsAnswer)
  print(context, answer, () => lines(answer, context.command === 'bans'))
  return 'ok'
}

function lines({ items }: ExclusionsAnswer, isOfNodes: boolean): readonly Line[] {
  if (items.length === 0) return [isOfNodes ? 'no node is banned' : 'no digest is blocked']
  const heads = isOfNodes ? ['NODE', 'ID'] : ['DIGEST']
  const rows = items.map(({ key, name, setAt, setOn, setOnName, author, note }) => [
    ...(isOfNodes ? [name ?? '', key.slice(0, 12)] : [key]),
    setAt,
    author ?? '',
    formatSayer(setOn, setOnName) ?? '',
    note ?? '',
  ])
  return columns([[...heads, 'SINCE', 'AUTHOR', 'ON', 'NOTE'], ...rows])
}
