// A client that a server takes in with no handle begins anew, and removes what it has just made. A server that says so later,
// by a lie or because its data was put back from before, wants a client to remove keys and history with it.

import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { PATIENCE_MS } from '../support/processes.js'
import { newMemoryTown } from '../support/town.js'
import { steadyPort, withWorld } from '../support/world.js'

test(
  'a client that has just made its account, and talks with others since',
  async () => {
    await withWorld(async world => {
      const port = await steadyPort()
      const first = await world.server({ port })
      await first.stop()
      cpSync(world.folder('server'), world.folder('before'), { recursive: true })
      const second = await world.server({ port })
      const alice = world.client('alice', second.address, { args: ['--to', 'bob', '--follow'] })
      await alice.event(({ type, state }) => type === 'line' && state === 'up')
      alice.write('for bob\n')
      await alice.event(({ type, text }) => type === 'message' && text === 'for bob')
      await second.stop()
      await world.server({ port, data: 'before', args: ['--operator-handle', 'alice'] })
      const { code } = await alice.ended
      expect(code).toBe(3)
      expect(existsSync(join(world.folder('alice'), 'alice', 'vault.db'))).toBe(true)
      expect(await world.transcript('alice')).toMatchObject([{ text: 'for bob' }])
    })
  },
  PATIENCE_MS,
)

test('whom a server has taken in once is known for that, and whom it never has, too', async () => {
  const town = await newMemoryTown()
  try {
    const server = await town.server({ operatorHandle: 'operator' })
    const alice = await town.join('alice', server)
    await alice.line('up')
    expect(alice.endpoint.wasTakenIn()).toBe(true)
    const nobody = await town.join('operator', server)
    await nobody.line('stopped')
    expect(nobody.endpoint.wasTakenIn()).toBe(false)
  } finally {
    await town.leave()
  }
})
