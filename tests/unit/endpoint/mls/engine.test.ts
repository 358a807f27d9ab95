import { describe, expect, test } from '@jest/globals'
import { type Engine, MlsRefused } from '../../../../services/endpoint/mls/engine.js'
import {
  acceptAll,
  addAs,
  agreed,
  commitAs,
  engineFor,
  found,
  keyPackageOf,
  newDevice,
  openAs,
  outcome,
  type Seat,
  sealAs,
  text,
} from './people.js'

const engine: Engine = await engineFor()

async function three(): Promise<[Seat, Seat, Seat]> {
  const alice = await found(engine, 'alice')
  const [bob, carol] = await addAs(alice, [], ['bob', 'carol'])
  return [alice, bob!, carol!]
}

/** The typed cause of a refusal; fails for any other error, and for none. */
async function causeOf(work: () => unknown): Promise<string> {
  try {
    await work()
  } catch (error) {
    if (error instanceof MlsRefused) return error.why
    throw error
  }
  throw new Error('nothing was refused')
}

describe('messages', () => {
  test('open at every other member, and say who sent them', async () => {
    const [alice, bob, carol] = await three()
    const message = await sealAs(bob, 'hello')
    for (const seat of [alice, carol]) {
      const opened = await engine.open(seat.state, message, acceptAll)
      expect(outcome(opened)).toBe('hello')
      expect(opened.kind === 'application' && opened.sender).toEqual({
        leaf: engine.ownLeaf(bob.state),
        identity: bob.device.identity,
        signatureKey: bob.device.publicKey,
      })
    }
  })

  test('a replay is refused, and so is our own', async () => {
    const [alice, bob] = await three()
    const message = await sealAs(alice, 'once')
    expect(await openAs(bob, message)).toBe('once')
    expect(await openAs(bob, message)).toBe('refused: replayed')
    expect(await openAs(alice, message)).toBe('refused: replayed')
  })

  test('a changed byte anywhere is refused, and the true message opens afterwards', async () => {
    const [alice, bob] = await three()
    const message = await sealAs(alice, 'true')
    for (let index = 0; index < message.length; index++) {
      const tampered = message.slice()
      tampered[index]! ^= 1
      expect(['refused', 'future-epoch', 'old-epoch']).toContain(
        (await engine.open(bob.state, tampered, acceptAll)).kind,
      )
    }
    expect(await openAs(bob, message)).toBe('true')
  })

  test('one of another group is told apart from one that was tampered with', async () => {
    const [alice] = await three()
    const [, bob] = await three()
    expect(await openAs(bob, await sealAs(alice, 'elsewhere'))).toBe('refused: wrong-group')
  })

  test('of the last two epochs still open, older ones do not, future ones wait', async () => {
    const [alice, bob, carol] = await three()
    const late: Uint8Array[] = []
    for (let epoch = 0; epoch < 3; epoch++) {
      late.push(await sealAs(alice, `epoch ${epoch}`))
      await commitAs(alice, [bob], {})
    }
    expect(await openAs(bob, late[0]!)).toBe('old-epoch')
    expect(await openAs(bob, late[1]!)).toBe('epoch 1')
    expect(await openAs(bob, late[2]!)).toBe('epoch 2')
    expect(await openAs(bob, late[2]!)).toBe('refused: replayed')
    expect(await openAs(carol, late[2]!)).toBe('future-epoch')
  })

  test('too many missing ones are refused instead of counted through', async () => {
    const [alice, bob] = await three()
    for (let count = 0; count < 5_001; count++) await sealAs(alice, 'lost')
    expect(await openAs(bob, await sealAs(alice, 'far'))).toBe('refused: too-far-ahead')
  }, 20_000)

  test('after a lost message, a stolen state opens nothing older', async () => {
    const [alice, bob] = await three()
    const older: Uint8Array[] = []
    for (let count = 0; count < 60; count++) older.push(await sealAs(alice, `old ${count}`))
    const lost = await sealAs(alice, 'lost')
    for (const message of older) await openAs(bob, message)
    expect(await openAs(bob, await sealAs(alice, 'next'))).toBe('next')
    const stolen = { ...bob, state: engine.load(engine.save(bob.state)) }
    for (const message of [...older, lost]) expect(await openAs(stolen, message)).toBe('refused: replayed')
  })

  test('wiping what was spent leaves the new state whole', async () => {
    const [alice, bob] = await three()
    const { wipe } = await import('../../../../services/endpoint/mls/engine.js')
    for (let count = 0; count < 3; count++) {
      const sealed = await engine.seal(alice.state, text(`${count}`))
      alice.state = sealed.state
      wipe(sealed.spent)
      const opened = await engine.open(bob.state, sealed.ciphertext, acceptAll)
      expect(outcome(opened)).toBe(`${count}`)
      if (opened.kind === 'application') {
        bob.state = opened.state
        wipe(opened.spent)
      }
    }
    const made = await engine.commit(alice.state, {})
    alice.state = engine.adopt(alice.state, made.pending)
    const opened = await engine.open(bob.state, made.commit, acceptAll)
    if (opened.kind !== 'commit') throw new Error(opened.kind)
    wipe(opened.spent)
    bob.state = opened.state
    expect(await openAs(alice, await sealAs(bob, 'after'))).toBe('after')
  })
})

describe('commits', () => {
  test('two at once: the loser drops its own, takes the winner, and tries again', async () => {
    const [alice, bob, carol] = await three()
    const won = await engine.commit(alice.state, {})
    const lost = await engine.commit(bob.state, {})
    alice.state = engine.adopt(alice.state, won.pending)
    for (const seat of [bob, carol]) expect(await openAs(seat, won.commit)).toBe('commit')
    for (const seat of [alice, carol]) expect(await openAs(seat, lost.commit)).toBe('old-epoch')
    expect(await causeOf(() => engine.adopt(bob.state, lost.pending))).toBe('stale-pending')
    await commitAs(bob, [alice, carol])
    expect(agreed([alice, bob, carol])).toBe(true)
  })

  test('messages that arrive while ours is on its way stay opened, and cannot be replayed after it', async () => {
    const [alice, bob] = await three()
    const skipped = await sealAs(bob, 'before')
    const made = await engine.commit(alice.state, {})
    const during = await sealAs(bob, 'during')
    expect(await openAs(alice, skipped)).toBe('before')
    expect(await openAs(alice, during)).toBe('during')
    const behind = await sealAs(bob, 'behind')
    alice.state = engine.adopt(alice.state, made.pending)
    expect(await openAs(alice, during)).toBe('refused: replayed')
    expect(await openAs(alice, behind)).toBe('behind')
    expect(await openAs(alice, behind)).toBe('refused: replayed')
  })

  test('a pending commit survives a restart, and holds no keys of the epoch that it leaves', async () => {
    const [alice, bob] = await three()
    const message = await sealAs(bob, 'opened already')
    const made = await engine.commit(alice.state, {})
    expect(await openAs(alice, message)).toBe('opened already')
    alice.state = engine.adopt(engine.load(engine.save(alice.state)), made.pending)
    expect(await openAs(bob, made.commit)).toBe('commit')
    expect(agreed([alice, bob])).toBe(true)
    const stolen = { ...alice, state: engine.load(made.pending) }
    expect(await openAs(stolen, message)).toBe('old-epoch')
  })

  test('are encrypted', async () => {
    const [alice] = await three()
    const device = await newDevice('marker-of-a-newcomer')
    const { publicPackage } = await keyPackageOf(engine, device)
    const { commit } = await engine.commit(alice.state, { add: [publicPackage] })
    expect(Buffer.from(commit).includes('marker-of-a-newcomer')).toBe(false)
  })

  test('say who committed, who came and who left', async () => {
    const [alice, bob, carol] = await three()
    const dave = await newDevice('dave')
    const pair = await keyPackageOf(engine, dave)
    const added = await engine.commit(bob.state, { add: [pair.publicPackage] })
    const opened = await engine.open(alice.state, added.commit, change => {
      expect(change.committer.identity).toEqual(bob.device.identity)
      expect(change.added).toEqual([{ identity: dave.identity, signatureKey: dave.publicKey }])
      expect(change.removed).toEqual([])
      return true
    })
    expect(opened).toMatchObject({
      kind: 'commit',
      committer: { leaf: engine.ownLeaf(bob.state), identity: bob.device.identity },
      added: [{ leaf: 3, identity: dave.identity, signatureKey: dave.publicKey }],
      removed: [],
    })
    if (opened.kind !== 'commit') throw new Error(opened.kind)
    const removal = await engine.commit(opened.state, { remove: [engine.ownLeaf(carol.state)] })
    bob.state = engine.adopt(bob.state, added.pending)
    expect(await engine.open(bob.state, removal.commit, acceptAll)).toMatchObject({
      kind: 'commit',
      removed: [{ leaf: engine.ownLeaf(carol.state), identity: carol.device.identity }],
    })
  })

  test('that the policy refuses change nothing', async () => {
    const [alice, bob] = await three()
    const { commit } = await engine.commit(alice.state, {})
    expect(outcome(await engine.open(bob.state, commit, () => false))).toBe('refused: policy')
    expect(await openAs(bob, commit)).toBe('commit')
  })

  test('a defect of the policy is not blamed on the sender', async () => {
    const [alice, bob] = await three()
    const { commit } = await engine.commit(alice.state, {})
    const broken = () => {
      throw new TypeError('a defect')
    }
    await expect(engine.open(bob.state, commit, broken)).rejects.toThrow('a defect')
  })

  test('a bad key package is left out and the others come in', async () => {
    const alice = await found(engine, 'alice')
    const [good, liar] = [await newDevice('good'), await newDevice('liar')]
    const pair = await keyPackageOf(engine, good)
    const lie = await keyPackageOf(engine, { ...liar, identity: good.identity })
    const own = await keyPackageOf(engine, alice.device)
    const add = [
      lie.publicPackage,
      pair.publicPackage,
      text('garbage'),
      own.publicPackage,
      pair.publicPackage,
    ]
    const made = await engine.commit(alice.state, { add })
    expect(made.refused).toEqual([
      { index: 0, cause: 'bad-credential' },
      { index: 2, cause: 'malformed' },
      { index: 3, cause: 'already-member' },
      { index: 4, cause: 'already-member' },
    ])
    alice.state = engine.adopt(alice.state, made.pending)
    expect(engine.members(alice.state).map(member => member.identity)).toEqual([
      alice.device.identity,
      good.identity,
    ])
    expect(await causeOf(() => engine.commit(alice.state, { add: [lie.publicPackage] }))).toBe(
      'no-usable-key-package',
    )
  })

  test('that cannot be are not made', async () => {
    const [alice, bob] = await three()
    const { publicPackage } = await keyPackageOf(engine, await newDevice('dave'))
    const leaf = engine.ownLeaf(bob.state)
    for (const change of [
      { add: [publicPackage], remove: [leaf] },
      { remove: [leaf, leaf] },
      { remove: [77] },
      { remove: [-1] },
      { remove: [0.5] },
      { remove: [engine.ownLeaf(alice.state)] },
    ])
      expect(await causeOf(() => engine.commit(alice.state, change))).toBe('bad-change')
  })
})

describe('a removed member', () => {
  test('learns it, and opens nothing that is sent later', async () => {
    const [alice, bob, carol] = await three()
    const { commit } = await commitAs(alice, [bob], { remove: [engine.ownLeaf(carol.state)] })
    expect(await engine.open(carol.state, commit, acceptAll)).toMatchObject({
      kind: 'removed',
      committer: { leaf: engine.ownLeaf(alice.state) },
    })
    for (const sender of [alice, bob]) {
      const later = await sealAs(sender, 'secret')
      expect(await openAs(carol, later)).toBe('future-epoch')
      // As if carol had been told the new epoch's number.
      const pretending = { ...carol.state, groupContext: { ...carol.state.groupContext, epoch: 2n } }
      expect(outcome(await engine.open(pretending, later, acceptAll))).toBe('refused: not-authentic')
    }
    const next = await commitAs(bob, [alice])
    expect((await engine.open(carol.state, next.commit, acceptAll)).kind).toBe('future-epoch')
  })

  test('learns it also where the same commit gives its leaf to another', async () => {
    const [alice, , carol] = await three()
    const { createCommit, encodeMlsMessage, emptyPskIndex } = await import(
      '../../../../services/endpoint/mls/library.js'
    )
    const { createContext } = await import('../../../../services/endpoint/mls/context.js')
    const { decodeKeyPackage } = await import('../../../../services/endpoint/mls/key-package.js')
    const context = await createContext({ validate: acceptAll })
    const pair = await keyPackageOf(engine, await newDevice('dave'))
    const made = await createCommit(
      { state: alice.state, cipherSuite: context.suite, pskIndex: emptyPskIndex },
      {
        extraProposals: [
          { proposalType: 'remove', remove: { removed: engine.ownLeaf(carol.state) } },
          { proposalType: 'add', add: { keyPackage: decodeKeyPackage(context, pair.publicPackage) } },
        ],
      },
    )
    const opened = await engine.open(carol.state, encodeMlsMessage(made.commit), acceptAll)
    expect(opened.kind).toBe('removed')
    const refused = await engine.open(carol.state, encodeMlsMessage(made.commit), () => false)
    expect(outcome(refused)).toBe('refused: policy')
  })
})

describe('exported secrets', () => {
  test('are the same for all members of an epoch, and others in the next', async () => {
    const [alice, bob] = await three()
    const before = await engine.exporter(alice.state, 'label', 24)
    expect(await engine.exporter(bob.state, 'label', 24)).toEqual(before)
    expect(await engine.exporter(bob.state, 'other', 24)).not.toEqual(before)
    await commitAs(alice, [bob])
    expect(await engine.exporter(bob.state, 'label', 24)).not.toEqual(before)
    expect(before).toHaveLength(24)
  })
})
