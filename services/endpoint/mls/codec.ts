import { decodeMlsMessage, type MLSMessage } from './library.js'
import { MlsRefused } from './refused.js'

/**
 * One MLS message that fills `bytes` exactly. The library accepts trailing bytes, throws TypeError
 * and RangeError besides its own class, and sometimes returns undefined: all of it is `malformed`.
 *
 * @throws MlsRefused('malformed')
 */
export function decodeStrict(bytes: Uint8Array): MLSMessage {
  const decoded = attempt(() => decodeMlsMessage(bytes, 0))
  if (decoded === undefined || decoded[1] !== bytes.length) throw new MlsRefused('malformed')
  if (decoded[0].version !== 'mls10') throw new MlsRefused('unsupported')
  return decoded[0]
}

/** The value of `decode`, or undefined where it throws. */
export function attempt<T>(decode: () => T | undefined): T | undefined {
  try {
    return decode()
  } catch {
    return undefined
  }
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

/** Overwrites secrets that are not needed any more. Memory that was copied elsewhere is out of reach. */
export function wipe(secrets: Iterable<Uint8Array | undefined>): void {
  for (const secret of secrets) secret?.fill(0)
}
