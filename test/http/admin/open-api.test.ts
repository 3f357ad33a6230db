import t from 'tap'
import { toOpenApi } from '../../../src/http/admin/open-api.ts'
import { operations } from '../../../src/http/admin/operations.ts'
import { startAdmin } from './support.ts'

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { operationId: string }>>>>
}

t.test('every operation of the document is routed, and knows its callers', async t => {
  const { ask } = await startAdmin(t)
  const served = await ask('/api/v1/openapi.json')
  const document = served.body as Document
  t.strictSame(document, JSON.parse(JSON.stringify(toOpenApi(Object.values(operations)))))
  const ids = Object.values(document.paths).flatMap(path =>
    Object.values(path).map(({ operationId }) => operationId),
  )
  t.equal(new Set(ids).size, Object.keys(operations).length)
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of Object.keys(methods)) {
      const url = path.replace(/\{\w+\}/, 'nginx')
      const got = await ask(url, { method: method.toUpperCase(), headers: { authorization: '' } })
      t.equal(got.status, 401, `${method} ${path}`)
      const known = await ask(url, { method: method.toUpperCase() })
      t.notMatch((known.body as { detail?: string }).detail ?? '', /there is no/, path)
    }
  }
})

t.test('the document needs no token: there is nothing of the node in it', async t => {
  const { ask } = await startAdmin(t)
  const headers = { authorization: '' }
  t.equal((await ask('/api/v1/openapi.json', { headers })).status, 200)
  t.equal((await ask('/api/v1/openapi.json/', { headers })).status, 401)
  t.equal((await ask('/api/v1/status', { headers })).status, 401)
})

t.test('a body that may be left out is told as that', async t => {
  const { putNodeMode, nodeGc, putPin, importArchive } = operations
  const { paths } = toOpenApi([putNodeMode, nodeGc, putPin, importArchive]) as {
    paths: Record<string, Record<string, { requestBody: { required: boolean } }>>
  }
  const required = Object.values(paths).flatMap(methods =>
    Object.values(methods).map(({ requestBody }) => requestBody.required),
  )
  t.strictSame(required, [true, false, false, true])
})

t.test('the parameters of a path and of a query are told', async t => {
  const { paths } = toOpenApi([operations.putPin, operations.exportImages]) as {
    paths: Record<string, Record<string, unknown>>
  }
  t.match(paths['/api/v1/pins/{reference}']?.['put'], {
    parameters: [
      { name: 'reference', in: 'path', required: true },
      { name: 'copies', in: 'query', required: false },
    ],
    requestBody: { required: false },
    responses: { 200: {}, 403: {}, 412: {} },
  })
  t.match(paths['/api/v1/export']?.['get'], {
    parameters: [{ name: 'ref', in: 'query', required: false }],
    responses: { 200: { content: { 'application/zstd': {} } } },
  })
})
