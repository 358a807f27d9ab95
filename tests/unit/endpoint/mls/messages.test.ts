import { describe, expect, test } from '@jest/globals'
import { wipe } from '../../../../services/endpoint/mls/engine.js'
import { acceptAll, commitAs, engineFor, openAs, outcome, sealAs, text, three } from './people.js'

const engine = await engineFor()

describe('messages', () => {
  test('open at every other member, and say who sent them', async () => {
    const [alice, bob, carol] = await three(engine)
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
    const [alice, bob] = await three(engine)
    const message = await sealAs(alice, 'once')
    expect(await openAs(bob, message)).toBe('once')
    expect(await openAs(bob, message)).toBe('refused: replayed')
    expect(await openAs(alice, message)).toBe('refused: replayed')
  })

  test('a changed byte anywhere is refused, and the true message opens afterwards', async () => {
    const [alice, bob] = await three(engine)
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
    const [alice] = await three(engine)
    const [, bob] = await three(engine)
    expect(await openAs(bob, await sealAs(alice, 'elsewhere'))).toBe('refused: wrong-group')
  })

  test('of the last two epochs still open, older ones do not, future ones wait', async () => {
    const [alice, bob, carol] = await three(engine)
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
    const [alice, bob] = await three(engine)
    for (let count = 0; count < 5_001; count++) await sealAs(alice, 'lost')
    expect(await openAs(bob, await sealAs(alice, 'far'))).toBe('refused: too-far-ahead')
  }, 20_000)

  test('after a lost message, a stolen state opens nothing older', async () => {
    const [alice, bob] = await three(engine)
    const older: Uint8Array[] = []
    for (let count = 0; count < 60; count++) older.push(await sealAs(alice, `old ${count}`))
    const lost = await sealAs(alice, 'lost')
    for (const message of older) await openAs(bob, message)
    expect(await openAs(bob, await sealAs(alice, 'next'))).toBe('next')
    const stolen = { ...bob, state: engine.load(engine.save(bob.state)) }
    for (const message of [...older, lost]) expect(await openAs(stolen, message)).toBe('refused: replayed')
  })

  test('wiping what was spent leaves the new state whole', async () => {
    const [alice, bob] = await three(engine)
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
    alice.state = engine.adopt(alice.state, made.pending).state
    const opened = await engine.open(bob.state, made.commit, acceptAll)
    if (opened.kind !== 'commit') throw new Error(opened.kind)
    wipe(opened.spent)
    bob.state = opened.state
    expect(await openAs(alice, await sealAs(bob, 'after'))).toBe('after')
  })
})

describe('exported secrets', () => {
  test('are the same for all members of an epoch, and others in the next', async () => {
    const [alice, bob] = await three(engine)
    const before = await engine.exporter(alice.state, 'label', 24)
    expect(await engine.exporter(bob.state, 'label', 24)).toEqual(before)
    expect(await engine.exporter(bob.state, 'other', 24)).not.toEqual(before)
    await commitAs(alice, [bob])
    expect(await engine.exporter(bob.state, 'label', 24)).not.toEqual(before)
    expect(before).toHaveLength(24)
  })
})
