import { clusterModeAnswer, clusterModeBody, clusterModeChangeAnswer } from './mode-contract.ts'
import { noQuery, type Operation, operation } from './operation.ts'
import { changeQuery } from './pin-contract.ts'

/** Operations on the mode of all nodes. */
export const modeOperations = {
  clusterMode: operation({
    id: 'getMode',
    method: 'GET',
    path: '/api/v1/mode',
    summary: 'The mode that is set for all nodes',
    role: 'read',
    query: noQuery,
    body: undefined,
    answer: clusterModeAnswer,
    problems: [],
  }),
  putClusterMode: operation({
    id: 'putMode',
    method: 'PUT',
    path: '/api/v1/mode',
    summary:
      'Set the mode of all nodes, also of those that join later; If-Match and If-None-Match are honoured',
    role: 'write',
    query: changeQuery,
    body: clusterModeBody,
    answer: clusterModeChangeAnswer,
    problems: [409, 412, 415, 503],
  }),
  deleteClusterMode: operation({
    id: 'deleteMode',
    method: 'DELETE',
    path: '/api/v1/mode',
    summary: 'Let each node be in its own mode again; If-Match is honoured',
    role: 'write',
    query: changeQuery,
    body: undefined,
    answer: clusterModeChangeAnswer,
    problems: [409, 412, 503],
  }),
} as const satisfies Record<string, Operation>
