// The part of undici that goes into the bundles. Its front door also opens fetch, WebSocket, a cache and mocks, which cost an idle node 3 MB.
exports.Pool = require('undici/lib/dispatcher/pool.js')
