// Two people, from whom many tests set out.

import { type JoinOptions, newTown, type Person, type Server, type Town } from './town.js'

interface AliceAndBob {
  town: Town
  server: Server
  alice: Person
  bob: Person
}

/** A town of its own with a server, to which both are connected. They have said nothing yet. */
export async function aliceAndBob(
  joining: { alice?: JoinOptions; bob?: JoinOptions } = {},
): Promise<AliceAndBob> {
  const town = await newTown()
  const server = await town.server()
  const alice = await town.join('alice', server, joining.alice)
  const bob = await town.join('bob', server, joining.bob)
  await Promise.all([alice.line('up'), bob.line('up')])
  return { town, server, alice, bob }
}
