// The token that lets one new account in. The server keeps only its hash.

import { createHash, randomBytes } from 'node:crypto'

/** Nobody guesses 16 random bytes, so a plain hash of them is as good as a slow one. */
const TOKEN_BYTES = 16

/** In base64url, so that it fits in a link. */
export function newInviteToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url')
}

export function hashInvite(token: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(token).digest())
}
