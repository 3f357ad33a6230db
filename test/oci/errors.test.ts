import fc from 'fast-check'
import t from 'tap'
import { errorBody, OciError, parseErrorBody } from '../../src/oci/errors.ts'

t.test('an error keeps its code, detail and cause', async t => {
  const cause = new Error('below')
  const error = new OciError('NAME_INVALID', 'no name', { detail: { name: 'A' }, cause })
  t.match(error, { name: 'OciError', code: 'NAME_INVALID', message: 'no name', cause })
  t.same(error.detail, { name: 'A' })
  t.notOk('cause' in new OciError('DENIED', 'no'), 'an absent cause is not there')
})

t.test('what errorBody writes, parseErrorBody reads', async t => {
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), (message, detail) => {
      const body = errorBody('MANIFEST_UNKNOWN', message, detail)
      const fallback = typeof detail === 'string' ? detail : ''
      t.same(parseErrorBody(body), [{ code: 'MANIFEST_UNKNOWN', message: message || fallback }])
    }),
    { numRuns: 50 },
  )
  t.equal(
    errorBody('DENIED', 'no'),
    '{"errors":[{"code":"DENIED","message":"no"}]}',
    'an absent detail is not written',
  )
})

t.test('bodies of registries in the wild are recognised', async t => {
  t.same(parseErrorBody('{"errors":[{"code":"UNAUTHORIZED"}]}'), [
    { code: 'UNAUTHORIZED', message: '' },
  ])
  t.same(parseErrorBody('{"errors":[{"code":"DENIED","detail":"requires pull"}],"x":1}\n'), [
    { code: 'DENIED', message: 'requires pull' },
  ])
  t.same(parseErrorBody('{"errors":[{"status":404},{"code":"NOT_FOUND","message":null}]}'), [
    { code: 'NOT_FOUND', message: '' },
  ])
})

t.test('what no registry wrote is not recognised', async t => {
  const others = [
    '',
    '<html><body>Please log in</body></html>',
    'null',
    '[]',
    '"errors"',
    '{}',
    '{"errors":[]}',
    '{"errors":{"code":"DENIED"}}',
    '{"errors":[null,1,"DENIED"]}',
    '{"errors":[{"code":404,"message":"page not found"}]}',
    '{"errors":[{"code":"<b>"}]}',
    '{"detail":"login required"}',
    `{"errors":[{"code":"DENIED","message":"${'x'.repeat(70_000)}"}]}`,
  ]
  for (const text of others) t.equal(parseErrorBody(text), undefined, text.slice(0, 60))
})

t.test('no body makes the parser throw', async () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), errorShapes), text => {
      const errors = parseErrorBody(text)
      return errors === undefined || errors.every(({ code }) => code !== '')
    }),
  )
})

const errorShapes = fc
  .array(fc.record({ code: fc.jsonValue(), message: fc.jsonValue(), detail: fc.jsonValue() }))
  .map(errors => JSON.stringify({ errors }))
