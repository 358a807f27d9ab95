import { create, fromBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ErrorDetailSchema, ErrorReason } from '../../../../gen/parley/v1/chat_pb.js'
import { SignedProofSchema } from '../../../../gen/parley/v1/identity_pb.js'
import { METHODS } from '../../../../services/protocol/method.js'
import { RpcError } from '../../../../services/rpc/error.js'
import { ProofCheck, type ProofClaim } from '../../../../services/server/auth/proof.js'
import { StorageFullError } from '../../../../services/server/store/store.js'
import {
  makeDevice,
  makeProof,
  openBytes,
  type ProofOptions,
  random,
} from '../../../support/contract-device.js'

const NOW_MS = 1_800_000_000_000
const WINDOW_MS = 120_000
const device = makeDevice()
const server = random(32)
const { handle, account, id } = device
const registered = { handle, accountKey: account.publicKey, deviceId: id, blocked: undefined }

/** A check at a fixed time, and what it asked of the directory. */
function checker(spendNonce: (until: number) => Promise<boolean> = async () => true) {
  const untils: number[] = []
  const proofs = new ProofCheck({
    serverFingerprint: server,
    windowMs: WINDOW_MS,
    now: () => NOW_MS,
    directory: {
      device: async asked => (Buffer.compare(asked, id) === 0 ? registered : undefined),
      spendNonce: async (_, __, until) => {
        untils.push(until)
        return spendNonce(until)
      },
    },
  })
  return { proofs, check: (claimed: ProofClaim) => proofs.check(claimed), untils }
}

function claim(options: Partial<ProofOptions> = {}): ProofClaim {
  const proof = makeProof({ device, server, method: METHODS.chat, timeMs: NOW_MS, ...options })
  return { signed: create(SignedProofSchema, proof as never), method: METHODS.chat, request: openBytes() }
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  const error = await call.catch((refused: unknown) => refused)
  if (!(error instanceof RpcError)) throw new Error(`not refused: ${error}`)
  return ErrorReason[fromBinary(ErrorDetailSchema, error.detail!).reason]
}

describe('a proof', () => {
  test('that holds names the device', async () => {
    expect(await checker().check(claim())).toEqual(id)
  })

  test.each([-WINDOW_MS, WINDOW_MS])(
    'holds at the edge of the window (%d ms), and not beyond',
    async edge => {
      await checker().check(claim({ timeMs: NOW_MS + edge }))
      const beyond = claim({ timeMs: NOW_MS + edge + Math.sign(edge) })
      expect(await reasonOf(checker().check(beyond))).toBe('CLOCK')
    },
  )

  test('has its nonce remembered for as long as it would be accepted', async () => {
    const { check, untils } = checker()
    await check(claim({ timeMs: NOW_MS + 5_000 }))
    expect(untils[0]).toBeGreaterThan(NOW_MS + 5_000 + WINDOW_MS)
  })

  test('that is refused for another reason spends no nonce', async () => {
    const { check, untils } = checker()
    const stranger = makeDevice()
    for (const bad of [
      claim({ server: random(32) }),
      claim({ method: METHODS.keyExchange }),
      claim({ request: openBytes({ cursor: random(37) }) }),
      claim({ timeMs: 0 }),
      claim({ label: 'parley.v1.DeviceCertificate' }),
      claim({ device: stranger }),
      claim({ nonce: random(8) }),
    ])
      await expect(check(bad)).rejects.toBeInstanceOf(RpcError)
    expect(untils).toEqual([])
  })

  test('counts for a device that is not registered yet only where that is an answer of the call', async () => {
    const stranger = makeDevice()
    const { proofs } = checker()
    const proof = proofs.read(claim({ device: stranger }))
    expect(await proofs.admit(proof, { mayBeNew: true })).toEqual(stranger.id)
    expect(await reasonOf(proofs.admit(proof))).toBe('UNKNOWN_DEVICE')
  })

  test('cannot be taken while the disk is full, and that is what is said', async () => {
    const full = checker(() => Promise.reject(new StorageFullError('full')))
    expect(await reasonOf(full.check(claim()))).toBe('STORAGE_FULL')
  })

  test('with any bit changed is refused', async () => {
    const good = claim()
    const length = good.signed!.proof.length + good.signed!.signature.length
    await fc.assert(
      fc.asyncProperty(fc.nat(length * 8 - 1), async bit => {
        const bytes = Buffer.concat([good.signed!.proof, good.signed!.signature])
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        const proof = new Uint8Array(bytes.subarray(0, good.signed!.proof.length))
        const signature = new Uint8Array(bytes.subarray(good.signed!.proof.length))
        const changed = { ...good, signed: create(SignedProofSchema, { proof, signature }) }
        await expect(checker().check(changed)).rejects.toBeInstanceOf(RpcError)
      }),
      { numRuns: 200 },
    )
  })

  test('of any bytes is refused with an RpcError and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ maxLength: 80 }),
        async (proof, signature) => {
          const signed = create(SignedProofSchema, { proof, signature })
          await expect(checker().check({ ...claim(), signed })).rejects.toBeInstanceOf(RpcError)
        },
      ),
    )
  })
})
