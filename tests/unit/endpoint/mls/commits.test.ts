import { describe, expect, test } from '@jest/globals'
import { MlsRefused } from '../../../../services/endpoint/mls/engine.js'
import {
  acceptAll,
  agreed,
  commitAs,
  engineFor,
  found,
  keyPackageOf,
  newDevice,
  openAs,
  outcome,
  sealAs,
  text,
  three,
} from './people.js'

const engine = await engineFor()

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

describe('commits', () => {
  test('two at once: the loser drops its own, takes the winner, and tries again', async () => {
    const [alice, bob, carol] = await three(engine)
    const won = await engine.commit(alice.state, {})
    const lost = await engine.commit(bob.state, {})
    alice.state = engine.adopt(alice.state, won.pending).state
    for (const seat of [bob, carol]) expect(await openAs(seat, won.commit)).toBe('commit')
    for (const seat of [alice, carol]) expect(await openAs(seat, lost.commit)).toBe('old-epoch')
    expect(await causeOf(() => engine.adopt(bob.state, lost.pending))).toBe('stale-pending')
    await commitAs(bob, [alice, carol])
    expect(agreed([alice, bob, carol])).toBe(true)
  })

  test('messages that arrive while ours is on its way stay opened, and cannot be replayed after it', async () => {
    const [alice, bob] = await three(engine)
    const skipped = await sealAs(bob, 'before')
    const made = await engine.commit(alice.state, {})
    const during = await sealAs(bob, 'during')
    expect(await openAs(alice, skipped)).toBe('before')
    expect(await openAs(alice, during)).toBe('during')
    const behind = await sealAs(bob, 'behind')
    alice.state = engine.adopt(alice.state, made.pending).state
    expect(await openAs(alice, during)).toBe('refused: replayed')
    expect(await openAs(alice, behind)).toBe('behind')
    expect(await openAs(alice, behind)).toBe('refused: replayed')
  })

  test('a pending commit survives a restart, and holds no keys of the epoch that it leaves', async () => {
    const [alice, bob] = await three(engine)
    const message = await sealAs(bob, 'opened already')
    const made = await engine.commit(alice.state, {})
    expect(await openAs(alice, message)).toBe('opened already')
    alice.state = engine.adopt(engine.load(engine.save(alice.state)), made.pending).state
    expect(await openAs(bob, made.commit)).toBe('commit')
    expect(agreed([alice, bob])).toBe(true)
    const stolen = { ...alice, state: engine.load(made.pending) }
    expect(await openAs(stolen, message)).toBe('old-epoch')
  })

  test('are encrypted', async () => {
    const [alice] = await three(engine)
    const device = await newDevice('marker-of-a-newcomer')
    const { publicPackage } = await keyPackageOf(engine, device)
    const { commit } = await engine.commit(alice.state, { add: [publicPackage] })
    expect(Buffer.from(commit).includes('marker-of-a-newcomer')).toBe(false)
  })

  test('say who committed, who came and who left', async () => {
    const [alice, bob, carol] = await three(engine)
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
    bob.state = engine.adopt(bob.state, added.pending).state
    expect(await engine.open(bob.state, removal.commit, acceptAll)).toMatchObject({
      kind: 'commit',
      removed: [{ leaf: engine.ownLeaf(carol.state), identity: carol.device.identity }],
    })
  })

  test('that the policy refuses change nothing', async () => {
    const [alice, bob] = await three(engine)
    const { commit } = await engine.commit(alice.state, {})
    expect(outcome(await engine.open(bob.state, commit, () => false))).toBe('refused: policy')
    expect(await openAs(bob, commit)).toBe('commit')
  })

  test('a defect of the policy is not blamed on the sender', async () => {
    const [alice, bob] = await three(engine)
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
    alice.state = engine.adopt(alice.state, made.pending).state
    expect(engine.members(alice.state).map(member => member.identity)).toEqual([
      alice.device.identity,
      good.identity,
    ])
    expect(await causeOf(() => engine.commit(alice.state, { add: [lie.publicPackage] }))).toBe(
      'no-usable-key-package',
    )
  })

  test('that cannot be are not made', async () => {
    const [alice, bob] = await three(engine)
    const { publicPackage } = await keyPackageOf(engine, await newDevice('dave'))
    const leaf = engine.ownLeaf(bob.state)
    for (const change of [
      { add: [publicPackage], remove: [leaf, leaf] },
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
    const [alice, bob, carol] = await three(engine)
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
    const [alice, , carol] = await three(engine)
    const pair = await keyPackageOf(engine, await newDevice('dave'))
    const { commit } = await engine.commit(alice.state, {
      add: [pair.publicPackage],
      remove: [engine.ownLeaf(carol.state)],
    })
    const opened = await engine.open(carol.state, commit, acceptAll)
    expect(opened.kind).toBe('removed')
    const refused = await engine.open(carol.state, commit, () => false)
    expect(outcome(refused)).toBe('refused: policy')
  })
})
