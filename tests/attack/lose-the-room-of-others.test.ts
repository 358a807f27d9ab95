// An admin with a modified program wants that the others’ programs cannot open the room any more once they are started
// again. They put into what the group holds as much as anybody takes: accounts of their own, with removals of their devices
// that are as long, and as many, as are read.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { expect, jest, test } from '@jest/globals'
import { DeviceRemovalSchema, SignedDeviceRemovalSchema } from '../../gen/parley/v1/identity_pb.js'
import { concatBytes } from '../../services/protocol/bytes.js'
import { MAX_JOINER_BYTES } from '../../services/protocol/conversation/limits.js'
import { readKept } from '../../services/protocol/conversation/welcomed-group.js'
import { sign } from '../../services/protocol/signature.js'
import { LISTED_DEVICES } from '../../services/protocol/sizes.js'
import { GroupStory, keyChange } from '../support/chain-groups.js'
import { type Device, Person } from '../support/chain-people.js'
import { toyCrypto as crypto } from '../support/toy-crypto.js'

jest.setTimeout(60_000)

const ACCOUNTS_AT_ONCE = 10
/** A field that nobody knows, of 700 bytes: its tag, its length, and zeros. */
const UNKNOWN = concatBytes(Uint8Array.of(0xc2, 0x3e, 0xbc, 0x05), new Uint8Array(700))

/** Each removes itself and all behind it. */
const removalsIn = (account: Person): Uint8Array[] =>
  account.devices.flatMap((by, place) => account.devices.slice(place).map(of => padded(account, of, by)))

function padded(account: Person, of: Device, by: Device): Uint8Array {
  const { removal } = fromBinary(SignedDeviceRemovalSchema, account.removal(of, by))
  const longer = concatBytes(removal, UNKNOWN)
  fromBinary(DeviceRemovalSchema, longer)
  const signature = sign(crypto, {
    label: 'parley.v1.DeviceRemoval',
    bytes: longer,
    privateKey: by.pair.privateKey,
  })
  return toBinary(
    SignedDeviceRemovalSchema,
    create(SignedDeviceRemovalSchema, { removal: longer, signature }),
  )
}

test('by more than fits into a welcome', () => {
  const [mallory, alice] = [1, 2].map(seed => new Person(crypto, seed)) as [Person, Person]
  const room = GroupStory.roomOf(crypto, [mallory, alice])
  const kept = () => room.welcome(mallory.first.key)
  for (let seed = 3; kept().joiner!.length <= MAX_JOINER_BYTES; seed += ACCOUNTS_AT_ONCE) {
    const accounts = Array.from(
      { length: ACCOUNTS_AT_ONCE },
      (_, at) => new Person(crypto, seed + at, LISTED_DEVICES),
    )
    room.commit({
      committer: mallory.first.key,
      entries: room.entriesBy(mallory, ...accounts.map(each => keyChange('add', each))),
      basis: {
        lists: accounts.map(({ list }) => list.encoded),
        removals: accounts.flatMap(removalsIn),
      },
    })
  }
  expect(readKept(crypto, kept()).held.state.members).toHaveLength(room.held.state.members.length)
})
