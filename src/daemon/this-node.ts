import type { Config } from '../config/config.ts'
import { maskSecrets } from '../config/mask-secrets.ts'
import { createAnswerNode } from '../http/admin/answer-node.ts'
import { adminSubject, createAskNode } from '../http/admin/ask-node.ts'
import { createNameOf } from '../http/admin/find-node.ts'
import { createNodeState } from '../http/admin/node-state.ts'
import type { NodeView } from '../http/admin/node-view.ts'
import { createRunNodeOperation, type NodeAccess } from '../http/admin/nodes.ts'
import { createNote } from '../http/admin/run-operation.ts'
import { createTellResolution } from '../http/admin/tell-resolution.ts'
import { createNodeWhy } from '../http/admin/why.ts'
import type { ModeSwitch } from '../keep/mode-switch.ts'
import { wireDiagnostics } from './diagnostics.ts'
import type { FaceParts } from './faces.ts'
import type { LogLevelSwitch } from './log-level.ts'

/** Wires what can be looked at and changed on one node: on this one, by other nodes too, and on the others over their peer ports. */
export function wireThisNode(
  config: Config,
  parts: Pick<
    FaceParts,
    | 'database'
    | 'content'
    | 'pods'
    | 'pull'
    | 'mesh'
    | 'clock'
    | 'log'
    | 'metrics'
    | 'recentLines'
    | 'version'
  > & {
    readonly modeSwitch: ModeSwitch
    readonly logLevel: LogLevelSwitch
    readonly view: NodeView
  },
): NodeAccess {
  const { database, content, pods, pull, mesh, clock, log, modeSwitch, logLevel, view } = parts
  const { ledger, audit } = database
  const { name, zone } = config.node
  const { kind, dir, quotaBytes } = config.store
  const shown = maskSecrets(config) as Readonly<Record<string, unknown>>
  const self = { id: database.replication.origin, name, zone }
  const nodes = {
    self,
    members: mesh?.forPull.members.all,
    isBanned: database.replication.isBanned,
  }
  const nameOf = createNameOf(nodes)
  const state = createNodeState(
    {
      store: {
        settings: { kind, dir, quotaBytes, minFreeBytes: content.minFreeBytes },
        measure: content.collector.measure,
        quarantined: content.store.quarantined,
        isFull: content.collector.isFull,
        isUnusable: content.isUnusable,
        collect: content.upkeep.collect,
      },
      neighbour: content.neighbour,
      scrub: { ...content.scrub, start: content.upkeep.scrub },
      mode: modeSwitch,
      logLevel,
      view,
      audit,
      nameOf,
      why: createNodeWhy({
        pods,
        resolutions: database.resolutions,
        resolution: createTellResolution({
          resolveTag: pull.resolveTag,
          nameOf,
          mode: () => modeSwitch.state().mode,
        }),
        nameOf,
      }),
      diagnostics: wireDiagnostics(config, parts),
      config: () => shown,
    },
    () => ({ node: name, asOf: new Date(ledger.trustedNowMs()).toISOString() }),
  )
  const run = createRunNodeOperation(state)
  if (mesh === undefined) return { run, nodes }
  const { client } = mesh.forPull
  mesh.answer(
    new Map([
      [
        adminSubject,
        createAnswerNode({
          run,
          self: name,
          mayOperate: mesh.mayOperate,
          nameOf,
          note: createNote({ audit, ledger, log }),
          clock,
          log,
        }),
      ],
    ]),
  )
  return {
    run,
    nodes,
    ask: createAskNode({ client, monotonicMs: clock.monotonicMs }),
  }
}
