import t from 'tap'
import { readEnvironment } from '../../src/config/environment.ts'
import { formatFault } from '../../src/config/faults.ts'
import { keys } from '../../src/config/keys.ts'

t.test('every key has a variable of its own, with two underscores for a dot', async t => {
  const variables = new Map(keys.map(({ path, variable }) => [path.join('.'), variable]))
  t.equal(variables.get('dataDir'), 'HOLDFAST_DATA_DIR')
  t.equal(
    variables.get('resolve.onFailure.rateLimited'),
    'HOLDFAST_RESOLVE__ON_FAILURE__RATE_LIMITED',
  )
  t.equal(new Set(variables.values()).size, keys.length)
})

t.test('an unknown variable is a fault that names the nearest one', async t => {
  const { faults } = readEnvironment({
    HOLDFAST_RESOLVE__TIMEOUTMS: '5',
    HOLDFAST_UPSTREAMS__QUAY_IO__URL: 'x',
    HOLDFAST_BANANA: 'x',
  })
  t.strictSame(faults.map(formatFault), [
    'HOLDFAST_BANANA: is no variable of Holdfast\n    two underscores stand for a dot: HOLDFAST_RESOLVE__TIMEOUT_MS',
    'HOLDFAST_RESOLVE__TIMEOUTMS: is no variable of Holdfast\n    did you mean HOLDFAST_RESOLVE__TIMEOUT_MS?',
    'HOLDFAST_UPSTREAMS__QUAY_IO__URL: is no variable of Holdfast\n    did you mean HOLDFAST_UPSTREAMS, with JSON in it?',
  ])
})

t.test('what Kubernetes puts beside a Service named holdfast is none of ours', async t => {
  const { faults, assignments } = readEnvironment({
    HOLDFAST_SERVICE_HOST: '10.43.0.7',
    HOLDFAST_SERVICE_PORT: '5050',
    HOLDFAST_SERVICE_PORT_HEALTH: '5054',
    HOLDFAST_PORT: 'tcp://10.43.0.7:5050',
    HOLDFAST_PORT_5050_TCP: 'tcp://10.43.0.7:5050',
    HOLDFAST_PORT_5050_TCP_ADDR: '10.43.0.7',
    HOLDFAST_MESH_PORT_5053_TCP_PROTO: 'tcp',
  })
  t.strictSame({ faults, assignments }, { faults: [], assignments: [] })
  t.equal(
    readEnvironment({ HOLDFAST_MIRROR_PORT: '5050' }).faults.length,
    1,
    'a mistake all the same',
  )
})

t.test('an empty variable is not set, and other programs have their own', async t => {
  const env = {
    HOLDFAST_MODE: '',
    HOLDFAST_CONFIG: '/x',
    HOLDFAST_ADMIN_TOKEN: 't',
    HOLDFASTER: 'x',
    PATH: '/bin',
  }
  t.strictSame(readEnvironment(env), { faults: [], assignments: [] })
})
