/** Characters that one call makes of bytes: engines bound the arguments of a call. */
const CHUNK = 4096

/** Values by bytes; holds so many, and forgets the one that was used longest ago. */
export class BytesCache<V> {
  readonly #limit: number
  /** By the bytes, one character each; the one used last stands last. */
  readonly #values = new Map<string, V>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The value for these bytes, made by `make` where there is none. What `make` throws is kept nowhere. */
  get(bytes: Uint8Array, make: (bytes: Uint8Array) => V): V {
    const name = nameOf(bytes)
    const known = this.#values.get(name)
    const value = known ?? make(bytes)
    if (known !== undefined) this.#values.delete(name)
    this.#values.set(name, value)
    if (this.#values.size > this.#limit) this.#values.delete(this.#values.keys().next().value!)
    return value
  }
}

function nameOf(bytes: Uint8Array): string {
  if (bytes.length <= CHUNK) return String.fromCharCode(...bytes)
  let name = ''
  for (let at = 0; at < bytes.length; at += CHUNK) {
    name += String.fromCharCode(...bytes.subarray(at, at + CHUNK))
  }
  return name
}
