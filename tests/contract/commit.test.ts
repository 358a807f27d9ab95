import { expect } from '@jest/globals'
import type { Envelope } from '../../gen/parley/v1/chat_pb.js'
import { random, type TestDevice } from '../support/contract-device.js'
import {
  acceptedTo,
  application,
  commit,
  createConversation,
  rejectionOf,
  rejections,
} from '../support/contract-envelopes.js'
import { onAnyServer } from '../support/contract-server.js'
import type { TestStream } from '../support/contract-stream.js'
import { client, onEveryStore } from '../support/contract-suite.js'

interface Member {
  device: TestDevice
  stream: TestStream
}

async function newMember(): Promise<Member> {
  const device = await client.register()
  return { device, stream: await client.open(device) }
}

async function group(size: number): Promise<{ id: Uint8Array; members: Member[] }> {
  const members = await Promise.all(Array.from({ length: size }, newMember))
  const id = await createConversation(
    members[0]!.stream,
    members.slice(1).map(({ device }) => device),
  )
  await Promise.all(members.slice(1).map(({ stream }) => stream.until(() => stream.envelopes().length === 1)))
  return { id, members }
}

async function accepted(stream: TestStream, ...envelopes: Parameters<TestStream['send']>): Promise<void> {
  const numbers = await stream.send(...envelopes)
  await stream.until(() => acceptedTo(stream) >= numbers.at(-1)!)
}

function end(members: Member[]): void {
  for (const { stream } of members) stream.end()
}

const kinds = (stream: TestStream) => stream.envelopes().map(({ envelope }) => envelope.case)
const last = (stream: TestStream): Envelope => stream.envelopes().at(-1)!

onEveryStore('one record, delivered in parts', () => {
  onAnyServer(
    'the added get the welcome, those who were members the commit, the sender its place',
    async () => {
      const { id, members } = await group(2)
      const [anna, bert] = members as [Member, Member]
      const carl = await newMember()
      const made = { commit: random(90), welcome: random(120), added: [carl.device] }
      await accepted(anna.stream, commit(id, { epoch: 1n, ...made }))
      await bert.stream.until(() => kinds(bert.stream).includes('commit'))
      await carl.stream.until(() => kinds(carl.stream).length > 0)
      await anna.stream.until(() => kinds(anna.stream).length === 2)
      expect(kinds(anna.stream)).toEqual(['own', 'own'])
      expect(last(bert.stream)).toMatchObject({
        conversationId: id,
        envelope: {
          value: {
            epoch: 1n,
            commit: made.commit,
            rosterChange: { addedDeviceIds: [carl.device.id], removedDeviceIds: [] },
          },
        },
      })
      expect(last(carl.stream)).toMatchObject({
        conversationId: id,
        envelope: { case: 'welcome', value: { welcome: made.welcome, epoch: 2n } },
      })
      expect(kinds(carl.stream)).toEqual(['welcome'])
      expect(Math.abs(Number(last(carl.stream).storedAtMs) - Date.now())).toBeLessThan(60_000)
      end([...members, carl])
    },
  )

  onAnyServer('each group of added devices gets its own welcome', async () => {
    const { id, members } = await group(1)
    const [bert, carl] = [await newMember(), await newMember()]
    const outgoing = commit(id, { added: [bert.device, carl.device] })
    const welcomes = [bert, carl].map(({ device }) => ({ deviceIds: [device.id], welcome: random(50) }))
    if (outgoing.envelope?.case === 'commit') outgoing.envelope.value.welcomes = welcomes
    await accepted(members[0]!.stream, outgoing)
    for (const [index, { stream }] of [bert, carl].entries()) {
      await stream.until(() => stream.envelopes().length === 1)
      expect(last(stream)).toMatchObject({ envelope: { value: { welcome: welcomes[index]!.welcome } } })
    }
    end([...members, bert, carl])
  })

  onAnyServer('a removed device gets the commit and nothing after it, and may be added again', async () => {
    const { id, members } = await group(3)
    const [anna, bert, carl] = members as [Member, Member, Member]
    await accepted(anna.stream, application(id), commit(id, { epoch: 1n, removed: [bert.device] }))
    await accepted(anna.stream, application(id, { epoch: 2n }))
    await carl.stream.until(() => kinds(carl.stream).length === 4)
    expect(kinds(bert.stream)).toEqual(['welcome', 'application', 'commit'])
    expect((await rejectionOf(bert.stream, application(id, { epoch: 2n }))).case).toBe('notAMember')
    await accepted(
      anna.stream,
      commit(id, { epoch: 2n, added: [bert.device] }),
      application(id, { epoch: 3n }),
    )
    await bert.stream.until(() => kinds(bert.stream).length === 5)
    expect(kinds(bert.stream)).toEqual(['welcome', 'application', 'commit', 'welcome', 'application'])
    end(members)
  })
})

onEveryStore('one commit per epoch', () => {
  onAnyServer(
    'of many at the same moment one wins, and every loser gets it before it is rejected',
    async () => {
      const { id, members } = await group(6)
      await Promise.all(
        members.map(async ({ stream }) => {
          const [number] = await stream.send(commit(id, { epoch: 1n }))
          await stream.until(() => acceptedTo(stream) >= number! || rejections(stream).size > 0)
        }),
      )
      const winners = members.filter(({ stream }) => rejections(stream).size === 0)
      expect(winners).toHaveLength(1)
      for (const { stream } of members.filter(member => member !== winners[0])) {
        const rejected = stream.frames.findIndex(frame => frame.case === 'rejected')
        const won = stream.frames.findIndex(
          frame =>
            frame.case === 'deliver' &&
            frame.value.envelopes.some(({ envelope }) => envelope.case === 'commit'),
        )
        expect(won).toBeGreaterThanOrEqual(0)
        expect(won).toBeLessThan(rejected)
        expect([...rejections(stream).values()]).toMatchObject([
          { case: 'staleEpoch', value: { currentEpoch: 2n } },
        ])
      }
      end(members)
    },
  )

  onAnyServer('a loser whose window is full is delivered the winner all the same', async () => {
    const [anna, bert] = [await newMember(), await client.register()]
    const id = await createConversation(anna.stream, [bert])
    const silent = await client.open(bert, { ack: false })
    const window = silent.opened.limits!.unackedDeliveries
    const delivered = () => silent.frames.filter(frame => frame.case === 'deliver').length
    for (let count = 0; count < window + 3; count++) {
      await accepted(anna.stream, application(id))
      await silent.until(() => delivered() > Math.min(count, window - 1))
    }
    await accepted(anna.stream, commit(id, { epoch: 1n }))
    expect(delivered()).toBe(window)
    expect((await rejectionOf(silent, commit(id, { epoch: 1n }))).case).toBe('staleEpoch')
    expect(kinds(silent)).toContain('commit')
    end([anna])
    silent.end()
  })

  onAnyServer('application envelopes may be a few epochs behind, but not more, and not ahead', async () => {
    const { id, members } = await group(1)
    const { stream } = members[0]!
    const { pastEpochs } = stream.opened.limits!
    for (let epoch = 1n; epoch <= BigInt(pastEpochs) + 1n; epoch++)
      await accepted(stream, commit(id, { epoch }))
    const current = BigInt(pastEpochs) + 2n
    await accepted(stream, application(id, { epoch: current - BigInt(pastEpochs) }))
    for (const epoch of [current - BigInt(pastEpochs) - 1n, current + 1n]) {
      const reason = await rejectionOf(stream, application(id, { epoch }))
      expect(reason).toMatchObject({ case: 'staleEpoch', value: { currentEpoch: current } })
    }
    end(members)
  })

  onAnyServer('an application envelope sealed before somebody was added is stale', async () => {
    const { id, members } = await group(2)
    const [anna, bert] = members as [Member, Member]
    await accepted(anna.stream, application(id, { epoch: 1n }))
    const cleo = await client.register()
    await accepted(anna.stream, commit(id, { epoch: 1n, added: [cleo] }))
    const reason = await rejectionOf(bert.stream, application(id, { epoch: 1n }))
    expect(reason).toMatchObject({ case: 'staleEpoch', value: { currentEpoch: 2n } })
    expect(kinds(bert.stream)).toContain('commit')
    end(members)
  })

  onAnyServer('a commit ahead of the epoch is stale too', async () => {
    const { id, members } = await group(1)
    const reason = await rejectionOf(members[0]!.stream, commit(id, { epoch: 9n }))
    expect(reason).toMatchObject({ case: 'staleEpoch', value: { currentEpoch: 1n } })
    end(members)
  })
})

onEveryStore(
  'a roster change that does not fit is rejected as malformed, and nothing of it is stored',
  () => {
    onAnyServer('adds a member, removes a stranger, or has a welcome too few', async () => {
      const { id, members } = await group(2)
      const [anna, bert] = members as [Member, Member]
      const carl = await client.register()
      const noWelcome = commit(id, { added: [carl] })
      if (noWelcome.envelope?.case === 'commit') noWelcome.envelope.value.welcomes = []
      for (const outgoing of [
        commit(id, { added: [bert.device] }),
        commit(id, { removed: [carl] }),
        commit(id, { added: [carl, carl] }),
        commit(id, { commit: new Uint8Array() }),
        noWelcome,
      ])
        expect((await rejectionOf(anna.stream, outgoing)).case).toBe('malformed')
      await accepted(anna.stream, commit(id, { epoch: 1n }))
      expect(kinds(bert.stream).filter(kind => kind === 'commit').length).toBeLessThanOrEqual(1)
      end(members)
    })
  },
)
