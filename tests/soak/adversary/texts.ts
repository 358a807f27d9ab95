// Texts and lines of history that nobody wrote so: with a statement of another place, somebody else's, or none.

import { create } from '@bufbuild/protobuf'
import {
  HistoryLineSchema,
  type SignedTextStatement,
  SignedTextStatementSchema,
} from '../../../gen/parley/content/v1/chain_pb.js'
import { HistoryMessageSchema } from '../../../gen/parley/content/v1/content_pb.js'
import { changedBytes } from '../../fuzz/mutation.js'
import { makeDevice, random } from '../../support/contract-device.js'
import { pairOf } from '../../support/forged-groups.js'
import { type Act, inRoom, pick, type Scene, type Target } from './act.js'
import { claimed, found, listsOf, madeUp } from './forge.js'
import type { Group } from './groups.js'
import type { ContentInit } from './program.js'

const TEXT = 'a line of an adversary'

/** Which statement stands in the place of the right one. */
const stated = (
  name: string,
  make: (scene: Scene, target: Target, said: ContentInit) => SignedTextStatement,
): Act => ({
  name,
  run: scene =>
    inRoom(scene, async target => {
      const { by } = scene
      const { group } = target
      const sentAtMs = BigInt(Date.now())
      const said = { count: group.count + 1n, joinedEpoch: group.joinedEpoch, sentAtMs }
      const signed = make(scene, target, said)
      await by.line.send(await by.seal(group, { sentAtMs, body: { case: 'text', value: { signed } } }))
    }),
})

const STATEMENTS: readonly Act[] = [
  stated('text-of-another-place', ({ by }, { group }, said) =>
    by.signed(group, { ...said, count: said.count! + 1n }, TEXT),
  ),
  stated('text-of-another-stay', ({ by }, { group }, said) =>
    by.signed(group, { ...said, joinedEpoch: said.joinedEpoch! + 1n }, TEXT),
  ),
  stated('text-of-another-time', ({ by }, { group }, said) =>
    by.signed(group, { ...said, sentAtMs: 1n }, TEXT),
  ),
  stated('text-of-another-room', ({ by }, { group }, said) =>
    by.signed(group, said, TEXT, { conversationId: random(32) }),
  ),
  stated('text-of-another-group', ({ by }, { group }, said) =>
    by.signed(group, said, TEXT, { groupId: random(16) }),
  ),
  stated('text-of-anothers-device', (scene, { group, members }, said) =>
    scene.by.signed(group, said, TEXT, { deviceId: pick(scene, members).signatureKey }),
  ),
  // The very words of somebody else, with their signature.
  stated('text-that-was-said-before', scene => pick(scene, scene.by.groups.heard.texts.all()).text),
  stated('text-of-a-helper', (scene, { group }, said) => pick(scene, scene.others).signed(group, said, TEXT)),
  stated('changed-text', ({ by, chance }, { group }, said) => {
    const { statement, signature } = by.signed(group, said, TEXT)
    return create(SignedTextStatementSchema, { statement: changedBytes(chance, statement), signature })
  }),
  stated('text-without-statement', () =>
    create(SignedTextStatementSchema, { statement: random(200), signature: random(64) }),
  ),
]

/** Lines of an honest member that they never wrote, or not there. */
function falseLines(scene: Scene, group: Group, handle: string, writer: Uint8Array) {
  const { by, chance } = scene
  const text = `${handle} never said this`
  const signed = by.signed(group, { count: 1n, joinedEpoch: 1n, sentAtMs: 1n }, text, { deviceId: writer })
  const { certificate } = makeDevice({ handle, account: by.device.account })
  const said = by.groups.heard.texts.all()
  const sequence = BigInt(chance.whole(1_000))
  const line = (init: { text: SignedTextStatement; certificate: Uint8Array }) =>
    create(HistoryMessageSchema, {
      body: { case: 'text', value: create(HistoryLineSchema, { ...init, sequence }) },
    })
  return [
    line({ text: signed, certificate: by.device.certificate }),
    line({ text: signed, certificate }),
    ...chance.shuffled(said).slice(0, 5).map(line),
    create(HistoryMessageSchema, {
      body: {
        case: 'hearsay',
        value: {
          ...{ fromAccount: random(32), fromHandle: handle, fromDevice: writer },
          ...{ sentAtMs: 1n, sequence, text },
        },
      },
    }),
  ]
}

/** Says it where nobody takes any history, of this or of another room. */
const inTheRoom: Act = {
  name: 'history-in-the-room',
  run: scene =>
    inRoom(scene, async ({ group, members }) => {
      const { by, chance } = scene
      const { handle, signatureKey } = pick(scene, members)
      const of = pick(scene, by.groups.all()).held.state.id
      const messages = falseLines(scene, group, handle, signatureKey)
      const value = { conversationId: of, last: chance.whole(2) === 0, messages }
      await by.line.send(await by.seal(group, { body: { case: 'historyPart', value } }))
    }),
}

/** In a conversation with one of them, where those who invite hand over what was said before. */
const toOne: Act = {
  name: 'history-of-others',
  run: scene =>
    inRoom(scene, async ({ group, members }) => {
      const { by, chance } = scene
      const { handle, signatureKey } = pick(scene, members)
      const [to] = chance.shuffled(members.map(member => member.handle))
      const direct = await directWith(scene, to!)
      const messages = falseLines(scene, group, handle, signatureKey)
      const part = { conversationId: group.held.state.id, last: chance.whole(2) === 0, messages }
      await by.line.send(await by.seal(direct, { body: { case: 'historyPart', value: part } }))
      // The one with somebody else, which is nobody's business here.
      const [peer] = await listsOf(scene, [handle])
      const value = { ...part, peerAccount: peer!.accountKey, peerHandle: handle }
      await by.line.send(await by.seal(direct, { body: { case: 'historyPart', value } }))
    }),
}

/** A conversation with this person, as anybody may begin one. */
async function directWith(scene: Scene, handle: string): Promise<Group> {
  const { by } = scene
  const [list] = await listsOf(scene, [handle])
  const claim = pairOf({ groupId: random(16), epoch: 1n }, [by.own.list, list!])
  const known = by.groups.present().find(({ held }) => Buffer.compare(held.state.id, claim.state.id) === 0)
  if (known) return known
  const made = await madeUp(scene, claim, { devices: await claimed(scene, [handle]) })
  await found(scene, claim, made)
  return made.enter()
}

export const TEXTS: readonly Act[] = [...STATEMENTS, inTheRoom, toOne]
