// Random sends against a model that is simple enough to be believed.

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Store } from '../../services/server/store/store.js'
import type { OpenStore } from './store-suite.js'
import {
  application,
  commit,
  gist,
  newConversationId,
  readAll,
  register,
  send,
  type TestDevice,
} from './store-world.js'

const DEVICES = 4
const CONVERSATIONS = 3
const RUNS = 30
const PAST_EPOCHS = 2

interface Step {
  kind: 'create' | 'say' | 'add' | 'remove' | 'read'
  device: number
  other: number
  conversation: number
  /** Added to the epoch that would be right. */
  epochOff: number
  /** Added to the client sequence that would be right. */
  sequenceOff: number
}

interface ModelConversation {
  epoch: number
  /** In which the last member came. */
  sharedEpoch: number
  members: Set<number>
}

interface Model {
  conversations: (ModelConversation | undefined)[]
  sent: number[]
  /** By device: all that it has to be shown. */
  shown: string[][]
}

const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('create', 'say', 'say', 'say', 'add', 'remove', 'read'),
    device: fc.nat(DEVICES - 1),
    other: fc.nat(DEVICES - 1),
    conversation: fc.nat(CONVERSATIONS - 1),
    epochOff: fc.constantFrom(0, 0, 0, 0, -1, -3, 1),
    sequenceOff: fc.constantFrom(0, 0, 0, 0, 0, -1, 1),
  }),
  { minLength: 40, maxLength: 100 },
)

/** Whether the send is accepted, and what that does. */
function predict(model: Model, step: Step, name: string): boolean {
  if (step.sequenceOff < 0 && model.sent[step.device]! > 0) return true
  if (step.sequenceOff !== 0) return false
  const conversation = model.conversations[step.conversation]
  const accepted = step.kind === 'create' ? create(model, step) : change(conversation, step)
  if (!accepted) return false
  const sequence = model.sent[step.device]! + 1
  model.sent[step.device] = sequence
  const members = model.conversations[step.conversation]!.members
  const others = step.kind === 'remove' ? [...members, step.other] : [...members]
  for (const device of others) {
    const isNew = (step.kind === 'add' || step.kind === 'create') && device === step.other
    const seen = step.kind === 'say' ? name : isNew ? 'welcome' : 'commit'
    model.shown[device]!.push(device === step.device ? `own ${sequence}` : seen)
  }
  return true
}

function create(model: Model, step: Step): boolean {
  if (model.conversations[step.conversation] || step.device === step.other || step.epochOff !== 0)
    return false
  model.conversations[step.conversation] = {
    epoch: 1,
    sharedEpoch: 1,
    members: new Set([step.device, step.other]),
  }
  return true
}

function change(conversation: ModelConversation | undefined, step: Step): boolean {
  if (!conversation?.members.has(step.device)) return false
  const { epoch, sharedEpoch } = conversation
  if (step.kind === 'say')
    return step.epochOff <= 0 && step.epochOff >= -PAST_EPOCHS && epoch + step.epochOff >= sharedEpoch
  if (step.epochOff !== 0) return false
  const { members } = conversation
  if (step.kind === 'add' ? members.has(step.other) : !members.has(step.other)) return false
  if (step.other === step.device) return false
  if (step.kind === 'add') members.add(step.other)
  else members.delete(step.other)
  conversation.epoch += 1
  if (step.kind === 'add') conversation.sharedEpoch = conversation.epoch
  return true
}

async function run(store: Store, ids: readonly Uint8Array[], script: readonly Step[]): Promise<void> {
  const devices: TestDevice[] = []
  const model: Model = { conversations: [], sent: [], shown: [] }
  const readers: { place: number; read: string[] }[] = []
  for (let index = 0; index < DEVICES; index += 1) {
    devices.push(await register(store, `${Buffer.from(ids[0]!).toString('hex').slice(0, 16)}-${index}`))
    model.sent.push(0)
    model.shown.push([])
    readers.push({ place: 0, read: [] })
  }
  // Half of the devices read live, the other half by looking.
  const stops = devices.slice(0, DEVICES / 2).map(device => store.log.watch(device.id, () => undefined))
  for (const [index, step] of script.entries()) {
    if (step.kind === 'read') {
      const reader = readers[step.device]!
      const page = {
        device: devices[step.device]!.id,
        after: reader.place,
        maxEnvelopes: 2,
        maxBytes: 1_000,
      }
      const result = await store.log.read(page)
      reader.read.push(...result.envelopes.map(gist))
      reader.place = result.place
      continue
    }
    const epoch = model.conversations[step.conversation]?.epoch ?? 0
    const expected = predict(model, step, `text ${index}`)
    const outcome = await send(store, devices[step.device]!, envelopeOf(step, { devices, ids, epoch, index }))
    expect(outcome.accepted).toBe(expected)
  }
  for (const [index, device] of devices.entries()) {
    const reader = readers[index]!
    const rest = await readAll(store, device, reader.place)
    expect([...reader.read, ...rest.envelopes.map(gist)]).toEqual(model.shown[index])
    expect((await readAll(store, device)).envelopes.map(gist)).toEqual(model.shown[index])
  }
  for (const stop of stops) stop()
}

function envelopeOf(
  step: Step,
  context: { devices: readonly TestDevice[]; ids: readonly Uint8Array[]; epoch: number; index: number },
) {
  const sender = context.devices[step.device]!
  const other = context.devices[step.other]!
  const id = context.ids[step.conversation]!
  const clientSequence = sender.sent + 1n + BigInt(step.sequenceOff)
  const creating = step.kind === 'create' ? 0 : context.epoch
  const epoch = BigInt.asUintN(64, BigInt(creating + step.epochOff))
  if (step.kind === 'say')
    return application(sender, id, { text: `text ${context.index}`, epoch, clientSequence })
  const isRemoval = step.kind === 'remove'
  return commit(sender, id, {
    epoch,
    clientSequence,
    creates: step.kind === 'create',
    ...(isRemoval ? { removed: [other] } : { added: [other] }),
  })
}

export function modelSuite(open: OpenStore): void {
  describe('random sends', () => {
    test('are accepted and shown as the model says', async () => {
      const { store } = await open()
      const ids = () => Array.from({ length: CONVERSATIONS }, newConversationId)
      await fc.assert(
        fc.asyncProperty(steps, script => run(store, ids(), script)),
        { numRuns: RUNS },
      )
    })
  })
}
