import t from 'tap'
import {
  classifyRefusal,
  isPage,
  needsGet,
  readHttpDate,
  readRetryAfter,
} from '../../../src/adapters/registry/classify.ts'
import { errorBody } from '../../../src/oci/errors.ts'

const url = 'https://registry.example/v2/lab/app/manifests/latest'
const challenge = { 'www-authenticate': 'Bearer realm="https://auth.example/token"' }
const own = { 'docker-distribution-api-version': 'registry/2.0' }
const html = { 'content-type': 'text/html; charset=utf-8' }
const wallMs = Date.parse('2026-03-03T10:00:00Z')

const words = errorBody('DENIED', 'no')

t.test('each answer has one class', async t => {
  const table = [
    [401, challenge, '', 'denied', 'denied'],
    [401, {}, words, 'denied', 'denied'],
    [401, {}, '', 'unreachable', 'portal'],
    [403, {}, words, 'denied', 'denied'],
    [403, challenge, '', 'denied', 'denied'],
    [403, html, '<html>', 'unreachable', 'portal'],
    [404, {}, words, 'not-found', 'not-found'],
    [404, own, '404 page not found\n', 'not-found', 'not-found'],
    [404, { ...own, ...html }, '<html>', 'unreachable', 'portal'],
    [404, {}, '404 page not found\n', 'unreachable', 'portal'],
    [404, html, '<html>', 'unreachable', 'portal'],
    [404, {}, '{"errors":[]}', 'unreachable', 'portal'],
    [410, {}, words, 'not-found', 'not-found'],
    [429, {}, '', 'rate-limited', 'rate-limited'],
    [429, html, '<html>', 'rate-limited', 'rate-limited'],
    [500, {}, words, 'unreachable', 'status'],
    [503, html, '<html>', 'unreachable', 'status'],
    [304, {}, '', 'unreachable', 'status'],
    [300, {}, '', 'unreachable', 'status'],
    [204, {}, '', 'unreachable', 'status'],
    [418, {}, words, 'unreachable', 'status'],
    [400, {}, words, 'unreachable', 'status'],
    [511, html, '<html>', 'unreachable', 'portal'],
    [451, {}, '', 'unreachable', 'portal'],
  ] as const
  for (const [status, headers, body, code, reason] of table) {
    const failure = classifyRefusal({ status, headers, body, url }, wallMs)
    t.match(
      { ...failure },
      { code, reason, status },
      `${status} ${JSON.stringify(headers)} ${body}`,
    )
  }
})

t.test('a failure says what the registry said, without the query of the URL', async t => {
  const answer = { status: 403, headers: {}, body: words, url: `${url}?signature=secret` }
  const { message } = classifyRefusal(answer, wallMs)
  t.match(message, /registry\.example.*DENIED no/)
  t.notMatch(message, /secret/)
})

t.test('what a registry says brings back no credential and no control characters', async t => {
  const says = (message: string) =>
    classifyRefusal({ status: 403, headers: {}, body: errorBody('DENIED', message), url }, wallMs)
      .message
  t.notMatch(says('you sent Basic dWE6c2VjcmV0Cg== to us'), /dWE6c2VjcmV0/)
  t.notMatch(says('token: bearer eyJhbGciOi.x-y_z'), /eyJ/)
  t.match(says('basic authentication is needed'), /basic authentication is needed/)
  t.match(says('red\u001b[31m\r\nnew line\u202e'), /red \[31m new line$/)
})

t.test('Retry-After is seconds or a date, between one second and sixty', async t => {
  t.equal(readRetryAfter('30', wallMs), 30_000)
  t.equal(readRetryAfter('86400', wallMs), 60_000)
  t.equal(readRetryAfter('0', wallMs), 1_000)
  t.equal(readRetryAfter('Tue, 03 Mar 2026 10:00:20 GMT', wallMs), 20_000)
  t.equal(readRetryAfter('Tue, 03 Mar 2026 09:00:00 GMT', wallMs), 1_000)
  t.equal(readRetryAfter(undefined, wallMs), 15_000)
  t.equal(readRetryAfter('soon 5', wallMs), 15_000)
})

t.test('only the one date form is a date', async t => {
  t.equal(readHttpDate('Tue, 03 Mar 2026 10:00:00 GMT'), wallMs)
  for (const text of ['', 'abc 1', '2026-03-03', 'Tue, 99 Mar 2026 10:00:00 GMT']) {
    t.equal(readHttpDate(text), undefined, text)
  }
})

t.test('a page is told by its type', async t => {
  t.equal(isPage({ 'content-type': 'Text/HTML;charset=x' }), true)
  t.equal(isPage({ 'content-type': 'application/json' }), false)
  t.equal(isPage({}), false)
})

t.test('a refusal of the method, or without a word, needs a GET to be understood', async t => {
  t.equal(needsGet({ status: 404, headers: {} }), true)
  t.equal(needsGet({ status: 401, headers: {} }), true)
  t.equal(needsGet({ status: 401, headers: challenge }), false)
  t.equal(needsGet({ status: 429, headers: {} }), false)
  for (const status of [500, 501]) t.equal(needsGet({ status, headers: {} }), true)
  for (const status of [502, 503, 504]) t.equal(needsGet({ status, headers: {} }), false)
})
