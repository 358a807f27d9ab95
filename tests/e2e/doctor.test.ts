// `doctor` as a person and a program run it: real processes, exit codes, text and JSON.

import { expect, jest, test } from '@jest/globals'
import { withWorld } from '../support/world.js'

jest.setTimeout(120_000)

test('the doctor tells health from trouble by its exit code, in text and in JSON, and says why it cannot look', () =>
  withWorld(async world => {
    const server = await world.server()
    const doctor = (...args: string[]) =>
      world.run('client/main.js', ['doctor', '--data', world.folder('bob'), ...args])

    const nobody = await doctor()
    expect([nobody.code, nobody.stderr]).toEqual([2, expect.stringContaining('there is no history')])

    const bob = world.client('bob', server.address, { args: ['--follow', '--to', 'alice'] })
    await bob.event(({ type, state }) => type === 'line' && state === 'up')
    const busy = await doctor()
    expect([busy.code, busy.stderr]).toEqual([1, expect.stringContaining('in use by another process')])
    await bob.stop()

    const healthy = await doctor()
    expect(healthy.code).toBe(0)
    expect(healthy.stdout).toMatch(/^ok +account: bob is registered with 1 device/m)
    expect(healthy.stdout).toMatch(/nothing is wrong\n$/)

    await server.stop('SIGKILL')
    const ill = await doctor('--json')
    const objects = ill.stdout
      .split('\n')
      .slice(0, -1)
      .map((line): object => JSON.parse(line))
    expect(ill.code).toBe(1)
    expect(objects).toContainEqual(
      expect.objectContaining({ type: 'finding', area: 'connection', check: 'server', verdict: 'problem' }),
    )
    expect(objects).toContainEqual(expect.objectContaining({ area: 'vault', verdict: 'well' }))
    expect(objects.at(-1)).toEqual({ type: 'doctor', healthy: false })
  }))
