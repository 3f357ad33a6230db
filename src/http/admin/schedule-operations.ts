import { noQuery, type Operation, operation } from './operation.ts'
import { changeQuery } from './pin-contract.ts'
import {
  scheduleAnswer,
  scheduleBody,
  scheduleChangeAnswer,
  scheduleRemovalAnswer,
  schedulesAnswer,
} from './schedule-contract.ts'

/** What can be done about recurring warm jobs. */
export const scheduleOperations = {
  schedules: operation({
    id: 'listSchedules',
    method: 'GET',
    path: '/api/v1/schedules',
    summary: 'Warm jobs that recur; each run is a job of its own',
    role: 'read',
    query: noQuery,
    body: undefined,
    answer: schedulesAnswer,
    problems: [],
  }),
  schedule: operation({
    id: 'getSchedule',
    method: 'GET',
    path: '/api/v1/schedules/{name}',
    summary: 'A warm job that recurs',
    role: 'read',
    query: noQuery,
    body: undefined,
    answer: scheduleAnswer,
    problems: [404],
  }),
  putSchedule: operation({
    id: 'putSchedule',
    method: 'PUT',
    path: '/api/v1/schedules/{name}',
    summary:
      'Have nodes fetch images again and again; to say the same again changes nothing; If-Match and If-None-Match are honoured',
    role: 'write',
    query: changeQuery,
    body: scheduleBody,
    answer: scheduleChangeAnswer,
    problems: [404, 409, 412, 413, 415, 503],
  }),
  deleteSchedule: operation({
    id: 'deleteSchedule',
    method: 'DELETE',
    path: '/api/v1/schedules/{name}',
    summary: 'Have them fetched no more, by a run that is under way neither; If-Match is honoured',
    role: 'write',
    query: changeQuery,
    body: undefined,
    answer: scheduleRemovalAnswer,
    problems: [409, 412, 503],
  }),
} as const satisfies Record<string, Operation>
