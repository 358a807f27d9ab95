import { utf8 } from '../../protocol/bytes.js'
import { nodeCrypto } from '../../protocol/node/crypto.js'

/**
 * The SHA-256 of a token that lets one new account in: the store keeps no more of it. Nobody guesses 16 random bytes, so
 * a plain hash of them is as good as a slow one.
 */
export function hashInvite(token: string): Uint8Array {
  return nodeCrypto.sha256(utf8(token))
}
