// The envelopes of a server, as an endpoint takes them in: commits, welcomes, requests, leaves and the rest,
// changed in their fields and bytes, at times with a head that a member signs over the change. Each input meets the same
// state: what it did is undone.

import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { type Envelope, EnvelopeSchema } from '../../../gen/parley/v1/chat_pb.js'
import { SignedRejoinStatementSchema } from '../../../gen/parley/v1/rejoin_pb.js'
import { LineDown } from '../../../services/endpoint/codes/line-error.js'
import { makeAccount } from '../../../services/endpoint/contacts/account.js'
import { takeIn } from '../../../services/endpoint/messages/receive.js'
import type { KeyPackagePair } from '../../../services/endpoint/mls/engine.js'
import { at, nextId } from '../../../services/endpoint/vault/records.js'
import { makeRejoinStatement } from '../../../services/protocol/conversation/rejoin-statement.js'
import { epochTagOf, makeBundleHead } from '../../../services/protocol/log/bundle-head.js'
import { makeLeave } from '../../../services/protocol/log/roster-leave.js'
import { nodeCrypto as crypto } from '../../../services/protocol/node/crypto.js'
import type { Chance } from '../../support/chance.js'
import { openTestContext } from '../../support/endpoint-context.js'
import { foundGroup, meet } from '../../support/endpoint-groups.js'
import { changedMessage } from '../mutation.js'
import type { Target } from '../target.js'

type Delivered = NonNullable<MessageInitShape<typeof EnvelopeSchema>['envelope']>

/** Thrown where all went well. */
class Undone extends Error {}

const ELSEWHERE = new Uint8Array(16).fill(99)

export const envelope: Target = {
  name: 'envelope',
  share: 3,
  async open() {
    const [alice, mallory] = [makeAccount('alice'), makeAccount('mallory')]
    const test = await openTestContext(alice)
    const [group, theirs] = await meet(test, await openTestContext(mallory))
    const { engine } = test.context
    const { conversationId } = group.record
    const { device } = mallory
    const founded = await foundGroup(engine, mallory, { others: [alice], room: {}, groupId: ELSEWHERE })
    const [pair] = founded.packages as [KeyPackagePair]
    await test.written(tx =>
      tx.put('keypackages', at(nextId(tx, 'keypackages')), {
        ...{ publicPackage: pair.publicPackage, privatePackage: pair.privatePackage },
        ...{ lastResort: true, notAfterMs: BigInt(pair.notAfter) },
      }),
    )
    const epochTag = epochTagOf(crypto, engine.epochAuthenticator(theirs.state))
    const headed = (id: Uint8Array, bundle: { epoch: bigint; commit: Uint8Array; welcome?: Uint8Array }) => {
      const welcomes = bundle.welcome ? [{ welcome: bundle.welcome }] : []
      return makeBundleHead(crypto, { conversationId: id, bundle: { ...bundle, welcomes }, epochTag, device })
    }
    const { commit } = await engine.commit(theirs.state, {})
    const begun = { epoch: 0n, commit, welcome: founded.welcome }
    const { groupId, incarnation, state, epoch: lastEpoch } = theirs.held
    const rejoin = makeRejoinStatement(
      crypto,
      { groupId, incarnation, head: state.head, lastEpoch },
      { device },
    )
    const sealed = await engine.seal(theirs.state, new Uint8Array(256).fill(0x80))
    const deliveries: readonly [Uint8Array, Delivered][] = [
      [conversationId, { case: 'application', value: { epoch: 1n, ciphertext: sealed.ciphertext } }],
      [
        conversationId,
        { case: 'commit', value: { epoch: 1n, commit, ...headed(conversationId, { epoch: 1n, commit }) } },
      ],
      [ELSEWHERE, { case: 'welcome', value: { ...begun, epoch: 1n, ...headed(ELSEWHERE, begun) } }],
      [conversationId, { case: 'rejoin', value: fromBinary(SignedRejoinStatementSchema, rejoin) }],
      [conversationId, { case: 'leave', value: makeLeave(crypto, { conversationId, epoch: 1n, device }) }],
      [
        conversationId,
        { case: 'successor', value: { conversationId: ELSEWHERE, ...headed(ELSEWHERE, begun) } },
      ],
      [conversationId, { case: 'missed', value: { count: 3n } }],
      [conversationId, { case: 'own', value: { clientSequence: 1n, ciphertextHash: new Uint8Array(32) } }],
    ]
    const before = engine.save(group.state)

    /** The head that its commit or welcome would have, signed by a member. */
    function resigned(changed: Envelope): void {
      const { conversationId: id, envelope: what } = changed
      if (id.length !== 16) return
      if (what.case === 'commit') Object.assign(what.value, headed(id, what.value))
      if (what.case !== 'welcome' || what.value.epoch < 1n) return
      const bundle = { epoch: what.value.epoch - 1n, commit, welcome: what.value.welcome }
      Object.assign(what.value, headed(id, bundle))
    }

    return {
      async run(chance) {
        const changed = changedDelivery(chance, chance.pick(deliveries)!)
        if (chance.whole(2) === 0) resigned(changed)
        const taking = test.written(async (tx, { context, outbox }) => {
          await takeIn({ ...context, outbox }, tx, changed)
          throw new Undone()
        })
        await taking.catch((error: unknown) => {
          if (!(error instanceof Undone) && !(error instanceof LineDown)) throw error
        })
      },
      check() {
        const after = engine.save(test.context.groups.get(group.number)!.state)
        if (Buffer.compare(before, after) !== 0) throw new Error('a state has changed')
      },
    }
  },
}

function changedDelivery(
  chance: Chance,
  [conversationId, delivered]: readonly [Uint8Array, Delivered],
): Envelope {
  const message = create(EnvelopeSchema, {
    conversationId,
    ...{ sequence: 5n, storedAtMs: 1n, envelope: delivered },
  })
  try {
    const changed = changedMessage(chance, EnvelopeSchema, { message, nested: {} }) as Envelope
    // A number that its field cannot have is none that comes by the wire.
    toBinary(EnvelopeSchema, changed)
    return changed
  } catch {
    return message
  }
}
