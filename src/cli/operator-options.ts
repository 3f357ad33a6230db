import type { Option } from './command.ts'

/** Of every command by which an operator changes something on all nodes. */
export const copies: Option = {
  name: 'copies',
  value: 'N',
  summary: 'wait until so many nodes have it, this one among them, 10 s at the most',
}

/** What becomes of a note where the same is said again. */
export const noteStays = "Said again without --note the note stays; --note '' takes it away."

/** Of those that say something which somebody looks at later. */
export const reasons: readonly Option[] = [
  { name: 'note', value: 'TEXT', summary: 'why, for whoever looks at it later' },
  { name: 'author', value: 'NAME', summary: 'who wants it so; the name of the token by default' },
]

/** Which nodes fetch what of images, now or again and again. */
export const warmOptions = {
  nodes: {
    name: 'node',
    value: 'NODE[,NODE]…',
    summary: 'these nodes alone; all are by default',
  },
  copies: {
    name: 'copies',
    value: 'N',
    summary: 'so many nodes for each image: those that would hold it if it were kept',
  },
  platforms: {
    name: 'platform',
    value: 'PLATFORM[,PLATFORM]…',
    summary: 'as in linux/arm64; by default those of each node',
  },
  referrers: {
    name: 'referrers',
    summary: 'with signatures, SBOMs and what else refers to the images',
  },
} as const satisfies Record<string, Option>
