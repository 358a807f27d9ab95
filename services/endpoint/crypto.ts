// The cryptography of what this endpoint signs, verifies and hashes outside of MLS: Node's. An endpoint on another
// platform has another provider here.

export { nodeCrypto as crypto } from '../protocol/node/crypto.js'
