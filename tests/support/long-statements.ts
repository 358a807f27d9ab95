// Device lists and removals as long as somebody wants them: what is signed has a field that nobody knows, as a later version
// may have one, or what it travels in, which anybody can add.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { SignedDeviceListSchema, SignedDeviceRemovalSchema } from '../../gen/parley/v1/identity_pb.js'
import { concatBytes } from '../../services/protocol/bytes.js'
import { type Label, sign } from '../../services/protocol/signature.js'
import type { Device, Person } from './chain-people.js'

/** Of bytes, in no message of ours; its tag and its length have two bytes each. */
const UNKNOWN_TAG = [0xc2, 0x3e]
const HEAD_BYTES = 4

const unknownField = (length: number): Uint8Array =>
  concatBytes(Uint8Array.of(...UNKNOWN_TAG, (length & 127) | 128, length >> 7), new Uint8Array(length))

/** The same bytes for whoever reads them, and longer. */
export const wrappedTo = (size: number, encoded: Uint8Array): Uint8Array =>
  concatBytes(encoded, unknownField(size - encoded.length - HEAD_BYTES))

/** A removal of that many bytes, all of them signed. */
export function longRemoval(
  person: Person,
  { of, by, size }: { of: Device; by: Device; size: number },
): Uint8Array {
  const short = person.removal(of, by)
  const { removal } = fromBinary(SignedDeviceRemovalSchema, short)
  return resized(short.length, size, room => {
    const bytes = concatBytes(removal, unknownField(room))
    const signature = signatureOf(person, 'parley.v1.DeviceRemoval', bytes, by.pair.privateKey)
    return toBinary(
      SignedDeviceRemovalSchema,
      create(SignedDeviceRemovalSchema, { removal: bytes, signature }),
    )
  })
}

/** A list of that many bytes, all of them signed. */
export function longList(person: Person, encoded: Uint8Array, size: number): Uint8Array {
  const { list } = fromBinary(SignedDeviceListSchema, encoded)
  return resized(encoded.length, size, room => {
    const bytes = concatBytes(list, unknownField(room))
    const signature = signatureOf(person, 'parley.v1.DeviceList', bytes, person.account.privateKey)
    return toBinary(SignedDeviceListSchema, create(SignedDeviceListSchema, { list: bytes, signature }))
  })
}

const signatureOf = ({ crypto }: Person, label: Label, bytes: Uint8Array, privateKey: Uint8Array) =>
  sign(crypto, { label, bytes, privateKey })

/** A length in front of it may take a byte more. */
function resized(from: number, size: number, make: (room: number) => Uint8Array): Uint8Array {
  const room = size - from - HEAD_BYTES
  const made = [room, room - 1].map(make).find(({ length }) => length === size)
  if (!made) throw new Error(`no field makes it ${size} bytes long`)
  return made
}

/** All removals that its devices can sign of the newest list, that long: each of itself and of all behind it. */
export const allRemovals = (person: Person, size: number): Uint8Array[] =>
  person.devices.flatMap((by, place) =>
    person.devices.slice(place).map(of => longRemoval(person, { of, by, size })),
  )
