import { peersAnswer, statusAnswer } from './contract.ts'
import { diagnosticsAnswer } from './diagnostics-contract.ts'
import { modeAnswer, modeBody } from './mode-contract.ts'
import {
  configAnswer,
  gcAnswer,
  gcBody,
  logLevelAnswer,
  logLevelBody,
  scrubAnswer,
  storeAnswer,
} from './node-contract.ts'
import { noQuery, type Operation, operation } from './operation.ts'

import { auditAnswer, auditQuery } from './pin-contract.ts'

import { nodeWhyAnswer, whyQuery } from './why-contract.ts'

/** Why a node could not be asked: unknown, one of several, without rights there, speaking nonsense, away, silent. */
const proxied = [404, 409, 502, 503, 504] as const
const read = {
  method: 'GET',
  role: 'read',
  query: noQuery,
  body: undefined,
  problems: proxied,
} as const
const change = {
  role: 'write',
  query: noQuery,
  body: undefined,
  problems: proxied,
} as const

/** Operations on one node: `{name}` is its name, its id or the beginning of it, or `self`. Any node of the mesh may be asked. */
export const nodeOperations = {
  nodeStatus: operation({
    ...read,
    id: 'getNodeStatus',
    path: '/api/v1/nodes/{name}/status',
    summary: 'How a node is',
    answer: statusAnswer,
  }),
  nodePeers: operation({
    ...read,
    id: 'listNodePeers',
    path: '/api/v1/nodes/{name}/peers',
    summary: 'The mesh as a node sees it',
    answer: peersAnswer,
  }),
  nodeAudit: operation({
    ...read,
    id: 'listNodeAudit',
    path: '/api/v1/nodes/{name}/audit',
    summary: 'What was done through the admin API of a node, and on it by others',
    query: auditQuery,
    answer: auditAnswer,
  }),
  nodeDiagnostics: operation({
    ...read,
    id: 'getNodeDiagnostics',
    path: '/api/v1/nodes/{name}/diagnostics',
    summary: 'All that helps to find out what is wrong with a node, without secrets',
    answer: diagnosticsAnswer,
  }),
  nodeStore: operation({
    ...read,
    id: 'getNodeStore',
    path: '/api/v1/nodes/{name}/store',
    summary: 'How the room of the store of a node is taken',
    answer: storeAnswer,
  }),
  nodeGcPlan: operation({
    ...read,
    id: 'getNodeCollection',
    path: '/api/v1/nodes/{name}/store/gc',
    summary: 'What a collection of the store of a node would drop now',
    answer: gcAnswer,
  }),
  nodeGc: operation({
    ...change,
    id: 'collectNodeStore',
    method: 'POST',
    path: '/api/v1/nodes/{name}/store/gc',
    summary:
      'Drop what is expired and, above high water, what was used least; or tell what would be',
    body: gcBody,
    answer: gcAnswer,
  }),
  nodeScrub: operation({
    ...read,
    id: 'getNodeScrub',
    path: '/api/v1/nodes/{name}/store/scrub',
    summary: 'How far the scrub of the store of a node is, and what it found',
    answer: scrubAnswer,
  }),
  startNodeScrub: operation({
    ...change,
    id: 'startNodeScrub',
    method: 'POST',
    path: '/api/v1/nodes/{name}/store/scrub',
    summary: 'Begin to hash every blob of the store of a node again, unless that is being done',
    answer: scrubAnswer,
  }),
  nodeMode: operation({
    ...read,
    id: 'getNodeMode',
    path: '/api/v1/nodes/{name}/mode',
    summary: 'Whether a node asks registries, and who wanted it so',
    answer: modeAnswer,
  }),
  putNodeMode: operation({
    ...change,
    id: 'putNodeMode',
    method: 'PUT',
    path: '/api/v1/nodes/{name}/mode',
    summary:
      'Set the mode of a node above that of the cluster and what is configured; kept across restarts',
    body: modeBody,
    answer: modeAnswer,
  }),
  deleteNodeMode: operation({
    ...change,
    id: 'deleteNodeMode',
    method: 'DELETE',
    path: '/api/v1/nodes/{name}/mode',
    summary: 'Let the cluster, or else the configuration, say the mode of a node again',
    answer: modeAnswer,
  }),
  nodeLogLevel: operation({
    ...read,
    id: 'getNodeLogLevel',
    path: '/api/v1/nodes/{name}/log-level',
    summary: 'How much a node writes into its log',
    answer: logLevelAnswer,
  }),
  putNodeLogLevel: operation({
    ...change,
    id: 'putNodeLogLevel',
    method: 'PUT',
    path: '/api/v1/nodes/{name}/log-level',
    summary: 'Set how much a node writes into its log, until it is restarted',
    body: logLevelBody,
    answer: logLevelAnswer,
  }),
  nodeConfig: operation({
    ...read,
    id: 'getNodeConfig',
    path: '/api/v1/nodes/{name}/config',
    summary: 'The configuration that is in force on a node, secrets masked',
    answer: configAnswer,
  }),
  nodeWhy: operation({
    ...read,
    id: 'getNodeWhy',
    path: '/api/v1/nodes/{name}/why',
    summary:
      'What a node answered for a tag, or for what a pod of it names, why, and what runs there',
    query: whyQuery,
    answer: nodeWhyAnswer,
    problems: [...proxied],
  }),
} as const satisfies Record<string, Operation>
