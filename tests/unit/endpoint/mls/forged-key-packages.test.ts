// Key packages that no device of Parley makes: a member leaves them out, and refuses commits that add them.

import { beforeEach, describe, expect, test } from '@jest/globals'
import type { MlsContext } from '../../../../services/endpoint/mls/context.js'
import { SUPPORTED_EXTENSIONS } from '../../../../services/endpoint/mls/extensions.js'
import {
  type Extension,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  type Proposal,
} from '../../../../services/endpoint/mls/library.js'
import { contextWith, engine, expectRefused, type Four, four, madeWith, unusable } from './adversary.js'
import { context } from './forge.js'
import { keyPackageOf, newDevice, text } from './people.js'

let room: Four

beforeEach(async () => {
  room = await four()
})

describe('a key package', () => {
  async function keyPackageWith(
    context: MlsContext,
    { leaf = [], own = [] }: { leaf?: Extension[]; own?: Extension[] } = {},
  ): Promise<{ bytes: Uint8Array; proposal: Proposal }> {
    const device = await newDevice('mallory')
    const now = BigInt(Math.floor(Date.now() / 1000))
    const { publicPackage: keyPackage } = await generateKeyPackageWithKey(
      { credentialType: 'basic', identity: device.identity },
      {
        versions: ['mls10'],
        ciphersuites: [context.suite.name],
        extensions: [...SUPPORTED_EXTENSIONS, 1],
        proposals: [],
        credentials: ['basic'],
      },
      { notBefore: now - 60n, notAfter: now + 60n },
      own,
      { signKey: device.signatureKey, publicKey: device.publicKey },
      context.suite,
      leaf,
    )
    const bytes = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage })
    return { bytes, proposal: { proposalType: 'add', add: { keyPackage } } }
  }

  test('whose keys nobody can encrypt to is left out, and refused from others', async () => {
    const { exportPublicKey } = context.suite.hpke
    let calls = 0
    for (const bad of [0, 1]) {
      calls = 0
      const hpke = {
        exportPublicKey: async (key: never) =>
          calls++ === bad ? unusable(await exportPublicKey(key)) : exportPublicKey(key),
      }
      const { bytes, proposal } = await keyPackageWith(contextWith(hpke))
      await expect(engine.inspectKeyPackage(bytes)).rejects.toMatchObject({ why: 'not-authentic' })
      const good = await keyPackageOf(engine, await newDevice('erin'))
      const made = await engine.commit(room.alice.state, { add: [bytes, good.publicPackage] })
      expect(made.refused).toEqual([{ index: 0, cause: 'not-authentic' }])
      // The forger seals its welcome to any key.
      const lenient = contextWith({ seal: async () => ({ ct: new Uint8Array(8), enc: new Uint8Array(8) }) })
      await expectRefused(
        room,
        await madeWith(room, { context: lenient, proposals: [proposal] }),
        'not-authentic',
      )
    }
  })

  const other: Extension = { extensionType: 'application_id', extensionData: new Uint8Array(1) }
  const lastResort: Extension = { extensionType: 0x000a, extensionData: new Uint8Array() }
  test.each<[string, Parameters<typeof keyPackageWith>[1]]>([
    ['in its leaf', { leaf: [other] }],
    ['itself', { own: [other] }],
    ['itself, besides that of last resort', { own: [lastResort, other] }],
    ['itself, twice', { own: [lastResort, lastResort] }],
    [
      'itself, that of last resort with something in it',
      { own: [{ ...lastResort, extensionData: text('x') }] },
    ],
  ])('that holds another extension than ours is refused: %s', async (_name, extensions) => {
    const { bytes, proposal } = await keyPackageWith(context, extensions)
    await expect(engine.inspectKeyPackage(bytes)).rejects.toMatchObject({ why: 'unsupported' })
    await expectRefused(room, await madeWith(room, { proposals: [proposal] }), 'unsupported')
  })
})
