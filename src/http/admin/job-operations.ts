import {
  jobAnswer,
  jobBody,
  jobChangeAnswer,
  jobQuery,
  jobsAnswer,
  jobsQuery,
} from './job-contract.ts'
import { noQuery, type Operation, operation } from './operation.ts'
import { changeQuery } from './pin-contract.ts'

const read = { method: 'GET', role: 'read', body: undefined } as const

/** What can be done about warm jobs. */
export const jobOperations = {
  jobs: operation({
    ...read,
    id: 'listJobs',
    path: '/api/v1/jobs',
    summary: 'Warm jobs, newest first',
    query: jobsQuery,
    answer: jobsAnswer,
    problems: [],
  }),
  job: operation({
    ...read,
    id: 'getJob',
    path: '/api/v1/jobs/{id}',
    summary: 'How a warm job is on every node; those that are there are asked',
    query: jobQuery,
    answer: jobAnswer,
    problems: [404],
  }),
  jobEvents: operation({
    ...read,
    id: 'followJob',
    path: '/api/v1/jobs/{id}/events',
    summary:
      'The same as server-sent events without the images, each time that it changed, until the job is over; Last-Event-ID is honoured',
    query: noQuery,
    answer: { bytes: 'text/event-stream' },
    problems: [404, 503],
  }),
  putJob: operation({
    id: 'putJob',
    method: 'PUT',
    path: '/api/v1/jobs/{id}',
    summary: 'Have nodes fetch images; to say the same again changes nothing',
    role: 'write',
    query: changeQuery,
    body: jobBody,
    answer: jobChangeAnswer,
    problems: [404, 409, 413, 415, 503],
  }),
  deleteJob: operation({
    id: 'deleteJob',
    method: 'DELETE',
    path: '/api/v1/jobs/{id}',
    summary: 'Call a warm job off; one that is over is no longer listed',
    role: 'write',
    query: changeQuery,
    body: undefined,
    answer: jobChangeAnswer,
    problems: [404, 409, 503],
  }),
} as const satisfies Record<string, Operation>
