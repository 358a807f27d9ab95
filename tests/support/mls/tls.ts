// The presentation language of TLS as MLS uses it (RFC 9420 section 2.1).

const encoder = new TextEncoder()

export const ascii = (text: string): Uint8Array => encoder.encode(text)

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

export function uint(value: number | bigint, bytes: number): Uint8Array {
  const written = new Uint8Array(bytes)
  let rest = BigInt(value)
  for (let index = bytes - 1; index >= 0; index--) {
    written[index] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return written
}

/** opaque<V>: its length in one, two or four bytes, of which the first two bits say how many. */
export function opaque(value: Uint8Array): Uint8Array {
  const { length } = value
  if (length < 1 << 6) return join(uint(length, 1), value)
  if (length < 1 << 14) return join(uint(length | (1 << 14), 2), value)
  return join(uint(length + 2 ** 31, 4), value)
}

export const vector = (values: readonly Uint8Array[]): Uint8Array => opaque(join(...values))

export class Reader {
  #offset = 0
  constructor(readonly bytes: Uint8Array) {}

  take(length: number): Uint8Array {
    if (this.#offset + length > this.bytes.length) throw new RangeError('too short')
    this.#offset += length
    return this.bytes.slice(this.#offset - length, this.#offset)
  }

  uint(bytes: number): number {
    return Number(this.big(bytes))
  }

  big(bytes: number): bigint {
    return this.take(bytes).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
  }

  opaque(): Uint8Array {
    return this.take(this.#length())
  }

  vector<T>(read: (reader: Reader) => T): T[] {
    const inner = new Reader(this.opaque())
    const values: T[] = []
    while (!inner.isDone) values.push(read(inner))
    return values
  }

  optional<T>(read: (reader: Reader) => T): T | undefined {
    const present = this.uint(1)
    if (present > 1) throw new RangeError('neither there nor not')
    return present === 1 ? read(this) : undefined
  }

  /** The next bytes as `read` takes them, and those bytes themselves. */
  raw<T extends object>(read: (reader: Reader) => T): T & { raw: Uint8Array } {
    const start = this.#offset
    const value = read(this)
    return { ...value, raw: this.bytes.slice(start, this.#offset) }
  }

  get rest(): Uint8Array {
    return this.bytes.slice(this.#offset)
  }

  get isDone(): boolean {
    return this.#offset === this.bytes.length
  }

  #length(): number {
    const first = this.uint(1)
    const size = 1 << (first >> 6)
    if (size > 4) throw new RangeError('no such length')
    let length = first & 0x3f
    for (const byte of this.take(size - 1)) length = length * 256 + byte
    if (size > 1 && length < (size === 2 ? 1 << 6 : 1 << 14)) throw new RangeError('not the shortest')
    return length
  }
}
