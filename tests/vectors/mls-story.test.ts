// The vector of the MLS profile: the engine that is here now still follows what one made earlier, and so does the member
// that was written from the RFC alone. `PARLEY_WRITE_VECTORS=1 npm test -- vectors/mls-story` and `npm run fix` write another.

import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { Member } from '../support/mls/member.js'
import { EXPORTED, makeStory, retell, type Story } from './mls-story.js'
import { bytes, hex } from './rfc9420.js'

/** Of the sources, seen from the compiled test. */
const FILE = new URL('../../../tests/vectors/contract/mls.json', import.meta.url)

if (process.env.PARLEY_WRITE_VECTORS)
  writeFileSync(FILE, `${JSON.stringify(await makeStory(), undefined, 2)}\n`)
const written = JSON.parse(readFileSync(FILE, 'utf8')) as Story

const SETTINGS = 0xf0a1
const LEAF = 0xf0a2
const JOINER = 0xf0a3
type Found = { type: number; data: Uint8Array }[]
const dataOf = (extensions: Found, type: number) => {
  const data = extensions.find(each => each.type === type)?.data
  return data ? hex(data) : null
}

function snapshot(member: Member) {
  const { context, epoch, tree } = member
  const leaves = tree.flatMap((node, index) =>
    node?.kind === 'leaf' ? [[index / 2, dataOf(node.leaf.extensions, LEAF)] as const] : [],
  )
  return {
    epoch: Number(context.epoch),
    settings: dataOf(context.extensions, SETTINGS),
    leaf_data: Object.fromEntries(leaves),
    epoch_authenticator: hex(epoch.authenticator),
    exported: hex(member.export(EXPORTED.label, new Uint8Array(), EXPORTED.length)),
  }
}

function byTheRfc(story: Story) {
  const member = new Member(bytes(story.welcome), {
    keyPackage: bytes(story.key_package),
    init: bytes(story.init_private),
    encryption: bytes(story.encryption_private),
  })
  const { extensions, signer } = member.welcomed
  const joined = { ...snapshot(member), signer, joiner: dataOf(extensions, JOINER) }
  const steps = story.steps.map(step => {
    if ('message' in step) {
      const { sender, plaintext } = member.read(bytes(step.message))
      return { message: step.message, sender, plaintext: hex(plaintext) }
    }
    const { committer, authenticatedData, added } = member.open(bytes(step.commit))!
    const authenticated_data = hex(authenticatedData)
    return { commit: step.commit, committer, authenticated_data, added, ...snapshot(member) }
  })
  return { joined, steps }
}

test.each([
  ['that is written down', () => written],
  ['that is new', makeStory],
])('a story %s is told by the engine and by the RFC', async (_name, make) => {
  const story = await make()
  const { joined, steps } = story
  expect(await retell(story)).toEqual({ joined, steps })
  expect(byTheRfc(story)).toEqual({ joined, steps })
})
