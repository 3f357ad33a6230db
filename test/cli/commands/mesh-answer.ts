const id = 'ab'.repeat(32)
const member = {
  id,
  name: 'galley',
  zone: 'ship',
  state: 'alive',
  version: '1.2.3',
  peerAddresses: ['10.0.0.2:5052', '10.0.0.3:5052'],
  upstreams: ['docker.io'],
  isLedgerEqual: true,
  lastSeenAgoMs: 4_200,
  roundTripMs: 1.234,
  clockSkewMs: -62,
  keyId: '0badcafe',
  acceptedKeyIds: ['0badcafe', 'deadbeef'] as readonly string[] | undefined,
}
/** What the admin API answers of a mesh with one live member and one that is gone. */
export const meshAnswer = {
  enabled: true,
  self: {
    id: 'cd'.repeat(32),
    name: 'bridge',
    version: '1.2.3',
    keyId: '0badcafe',
    acceptedKeyIds: ['0badcafe', 'deadbeef'],
    neighbours: 1,
  },
  members: [
    member,
    {
      ...member,
      name: 'hold',
      state: 'gone',
      clockSkewMs: undefined,
      acceptedKeyIds: undefined,
    },
  ],
  alarms: [{ code: 'twin-key', nodes: [{ id, name: 'galley' }] }],
  dials: [
    { address: '10.0.0.2:5053', seed: true, result: 'connected', detail: 'a node is there' },
    { address: '10.0.0.9:5053', seed: true, result: 'refused', detail: 'refused', agoMs: 4_000 },
  ],
  sync: { records: 12, isBehind: false, convergedAgoMs: 3_000, refused: 0 },
}
