/** Writes a message's bytes from its end to its beginning. */
interface BackwardWriter {
  /** Begins anew. */
  reset(): void
  /** A copy of what was written. */
  taken(): Buffer
  /** An integer from 0 to 2^53-1. */
  varint(value: number): void
  /** Runs `write` and puts the length before what it writes. */
  delimited(write: () => void): void
  bytes(value: Uint8Array): void
  string(value: string): void
}

/** Bytes of the buffer at first. One that grew beyond LARGEST_KEPT_BYTES is not kept for the next message. */
const FIRST_BYTES = 64 * 1024
const LARGEST_KEPT_BYTES = 1024 * 1024

/** A varint has seven bits to a byte, the lowest first, and a mark on all bytes but the last. */
const SEVEN_BITS = 0x7f
const MORE = 0x80
const LOWER_BYTES = 4
const LOWER_PART = 2 ** (7 * LOWER_BYTES)

export function createBackwardWriter(): BackwardWriter {
  let buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  /** Where the first byte that was written stands. */
  let at = buffer.length

  function make(room: number): void {
    if (at >= room) return
    const used = buffer.length - at
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * buffer.length, used + room))
    buffer.copy(larger, larger.length - used, at)
    buffer = larger
    at = larger.length - used
  }

  /** In shifts of 32-bit integers: a larger value's upper part is written first, as what stands behind the lower. */
  function varint(value: number): void {
    const hasUpper = value >= LOWER_PART
    if (hasUpper) varint(Math.floor(value / LOWER_PART))
    let rest = hasUpper ? value % LOWER_PART : value
    let size = hasUpper ? LOWER_BYTES : 1
    if (!hasUpper) for (let over = rest >>> 7; over > 0; over >>>= 7) size += 1
    make(size)
    at -= size
    for (let place = at; place < at + size; place++, rest >>>= 7) buffer[place] = (rest & SEVEN_BITS) | MORE
    if (!hasUpper) buffer[at + size - 1]! &= SEVEN_BITS
  }

  return {
    reset() {
      if (buffer.length > LARGEST_KEPT_BYTES) buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
      at = buffer.length
    },
    taken: () => Buffer.from(buffer.subarray(at)),
    varint,
    delimited(write) {
      const before = buffer.length - at
      write()
      varint(buffer.length - at - before)
    },
    bytes(value) {
      make(value.length)
      at -= value.length
      buffer.set(value, at)
      varint(value.length)
    },
    string(value) {
      const size = Buffer.byteLength(value)
      make(size)
      at -= size
      buffer.write(value, at, size, 'utf8')
      varint(size)
    },
  }
}
