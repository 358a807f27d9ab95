// Somebody who copies a folder hopes for the 24 words in it: of a device that was to be linked on and was not, because nobody
// agreed, the server was away, or the program was ended.

import { expect, test } from '@jest/globals'
import { phraseOf, seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { PATIENCE_MS } from '../support/processes.js'
import { newMemoryTown } from '../support/town.js'
import { steadyPort, withWorld } from '../support/world.js'

test('of a device that waited for a yes when its program was ended', async () => {
  const town = await newMemoryTown()
  try {
    const server = await town.server()
    const laptop = await town.join('alice', server, { vault: 'laptop' })
    await laptop.line('up')
    const seed = seedOf(laptop.endpoint.recoveryPhrase()!)
    const phone = await town.join('alice', server, { vault: 'phone', seed, asksBeforeJoining: true })
    await phone.line('stopped')
    expect(phone.endpoint.recoveryPhrase()).toBeDefined()
    await phone.close()
    const again = await town.join('alice', server, { vault: 'phone' })
    await again.line('stopped')
    expect(again.endpoint.recoveryPhrase()).toBeUndefined()
  } finally {
    await town.leave()
  }
})

test(
  'of one that found no server in its time',
  async () => {
    await withWorld(async world => {
      const address = `127.0.0.1:${await steadyPort()}`
      const who = ['--data', world.folder('phone'), '--handle', 'alice']
      const input = phraseOf(new Uint8Array(32).fill(7))
      const linked = await world.run('client/main.js', ['link', address, ...who, '--yes', '--timeout', '1'], {
        input,
      })
      expect(linked.code).toBe(4)
      const asked = await world.run('client/main.js', ['phrase', ...who])
      expect(asked.stdout).toBe('')
    })
  },
  PATIENCE_MS,
)
