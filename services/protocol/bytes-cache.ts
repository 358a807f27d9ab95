import { copyBytes, equalBytes } from './bytes.js'

/** Bytes at the end that values are found by: of keys and signatures, which are as good as random there. */
const NAME_BYTES = 6

/**
 * Values by bytes; holds so many, and forgets the one that was used longest ago. Of two that end alike it holds the
 * later one, so that somebody who looks for such bytes gains nothing but that they are worked on again.
 */
export class BytesCache<V> {
  readonly #limit: number
  /** By the number that their last bytes make; the one used last stands last. */
  readonly #entries = new Map<number, { bytes: Uint8Array; value: V }>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The value for these bytes, made by `make` where there is none. The cache keeps nothing where `make` throws. */
  get(bytes: Uint8Array, make: (bytes: Uint8Array) => V): V {
    const name = numberOf(bytes)
    const known = this.#entries.get(name)
    const isKnown = known !== undefined && equalBytes(known.bytes, bytes)
    const entry = isKnown ? known : { value: make(bytes), bytes: copyBytes(bytes) }
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    if (this.#entries.size > this.#limit) this.#entries.delete(this.#entries.keys().next().value!)
    return entry.value
  }
}

function numberOf(bytes: Uint8Array): number {
  let name = 0
  for (let at = Math.max(0, bytes.length - NAME_BYTES); at < bytes.length; at++)
    name = name * 256 + bytes[at]!
  return name
}
