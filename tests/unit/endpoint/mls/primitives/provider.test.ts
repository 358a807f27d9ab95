import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { defaultCryptoProvider } from 'ts-mls'
import type { Engine } from '../../../../../services/endpoint/mls/engine.js'
import { getCiphersuiteFromName } from '../../../../../services/endpoint/mls/library.js'
import { hkdf, hmac } from '../../../../../services/endpoint/mls/primitives/kdf.js'
import { x25519Kem, xwingKem } from '../../../../../services/endpoint/mls/primitives/kem.js'
import { nativeProvider } from '../../../../../services/endpoint/mls/primitives/provider.js'
import {
  acceptAll,
  addAs,
  agreed,
  commitAs,
  engineFor,
  FAST_SUITE,
  found,
  openAs,
  type Seat,
  sealAs,
  XWING_SUITE,
} from '../people.js'

const THIRD_SUITE = 'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519'

describe.each([XWING_SUITE, FAST_SUITE, THIRD_SUITE] as const)(
  "beside the library's own provider, %s",
  suite => {
    const engines = async (): Promise<{ ours: Engine; theirs: Engine }> => ({
      ours: await engineFor({ suite }),
      theirs: await engineFor({ suite, provider: defaultCryptoProvider }),
    })

    test.each(['ours', 'theirs'] as const)('%s founds, both add, commit, seal and open', async founder => {
      const both = await engines()
      const guest = founder === 'ours' ? both.theirs : both.ours
      const alice = await found(both[founder], 'alice')
      const seats: Seat[] = [alice]
      seats.push(...(await addAs(alice, [], ['bob', 'carol'], guest)))
      const [, bob, carol] = seats as [Seat, Seat, Seat]
      seats.push(...(await addAs(bob, [alice, carol], ['dave'], both[founder])))
      for (const committer of seats) {
        await commitAs(
          committer,
          seats.filter(seat => seat !== committer),
        )
        expect(agreed(seats)).toBe(true)
        const message = await sealAs(committer, 'both ways')
        for (const seat of seats)
          if (seat !== committer) expect(await openAs(seat, message)).toBe('both ways')
      }
      expect(await alice.engine.exporter(alice.state, 'x', 48)).toEqual(
        await bob.engine.exporter(bob.state, 'x', 48),
      )
    })

    test('a state saved by one is loaded by the other', async () => {
      const { ours, theirs } = await engines()
      const alice = await found(ours, 'alice')
      const [bob] = await addAs(alice, [], ['bob'])
      const moved: Seat = { ...bob!, engine: theirs, state: theirs.load(ours.save(bob!.state)) }
      expect(await openAs(moved, await sealAs(alice, 'hello'))).toBe('hello')
      const made = await commitAs(moved, [])
      expect((await ours.open(alice.state, made.commit, acceptAll)).kind).toBe('commit')
    })

    test('open, seal, derive and verify the same', async () => {
      const named = getCiphersuiteFromName(suite)
      const ours = await nativeProvider.getCiphersuiteImpl(named)
      const theirs = await defaultCryptoProvider.getCiphersuiteImpl(named)
      // WebCrypto takes no empty key.
      const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 })
      await fc.assert(
        fc.asyncProperty(bytes, bytes, bytes, async (one, two, three) => {
          expect(await ours.hash.mac(one, two)).toEqual(await theirs.hash.mac(one, two))
          // The library's takes salts of the hash's length only, which is all that MLS has.
          const salt = await ours.hash.digest(one)
          const secret = await ours.kdf.extract(salt, two)
          expect(secret).toEqual(await theirs.kdf.extract(salt, two))
          for (const length of [1, 16, ours.kdf.size, 200])
            expect(await ours.kdf.expand(secret, three, length)).toEqual(
              await theirs.kdf.expand(secret, three, length),
            )
          const [a, b] = [await ours.hpke.deriveKeyPair(secret), await theirs.hpke.deriveKeyPair(secret)]
          expect(await ours.hpke.exportPublicKey(a.publicKey)).toEqual(
            await theirs.hpke.exportPublicKey(b.publicKey),
          )
          const fromOurs = await ours.hpke.seal(a.publicKey, one, two, three)
          expect(await theirs.hpke.open(b.privateKey, fromOurs.enc, fromOurs.ct, two, three)).toEqual(one)
          const fromTheirs = await theirs.hpke.seal(b.publicKey, one, two, three)
          expect(await ours.hpke.open(a.privateKey, fromTheirs.enc, fromTheirs.ct, two, three)).toEqual(one)
        }),
        { numRuns: 20 },
      )
    })

    test('exported secrets and signatures are the same too', async () => {
      const named = getCiphersuiteFromName(suite)
      const ours = await nativeProvider.getCiphersuiteImpl(named)
      const theirs = await defaultCryptoProvider.getCiphersuiteImpl(named)
      const [info, about] = [Buffer.from('info'), Buffer.from('about')]
      const material = ours.rng.randomBytes(ours.kdf.size)
      const [a, b] = [await ours.hpke.deriveKeyPair(material), await theirs.hpke.deriveKeyPair(material)]
      const sent = await ours.hpke.exportSecret(a.publicKey, about, 40, info)
      expect(await theirs.hpke.importSecret(b.privateKey, about, sent.enc, 40, info)).toEqual(sent.secret)
      expect(await ours.hpke.importSecret(a.privateKey, about, sent.enc, 40, info)).toEqual(sent.secret)
      for (const [signer, verifier] of [
        [ours, theirs],
        [theirs, ours],
      ] as const) {
        const { signKey, publicKey } = await signer.signature.keygen()
        const signature = await signer.signature.sign(signKey, info)
        expect(await verifier.signature.sign(signKey, info)).toEqual(signature)
        expect(await verifier.signature.verify(publicKey, info, signature)).toBe(true)
        expect(await verifier.signature.verify(publicKey, about, signature)).toBe(false)
      }
    })
  },
)

describe('what is no key, ciphertext or tag', () => {
  test.each([XWING_SUITE, FAST_SUITE] as const)(
    'is an error of the library, never a crash: %s',
    async suite => {
      const { hpke, signature, hash } = await nativeProvider.getCiphersuiteImpl(getCiphersuiteFromName(suite))
      const { privateKey } = await hpke.generateKeyPair()
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 1_300 }), async bytes => {
          await expect(hpke.open(privateKey, bytes, bytes, bytes)).rejects.toMatchObject({
            name: 'CryptoError',
          })
          await expect(
            hpke.decryptAead(new Uint8Array(hpke.keyLength), new Uint8Array(12), bytes, bytes),
          ).rejects.toMatchObject({ name: 'CryptoError' })
          expect(await signature.verify(bytes, bytes, bytes)).toBe(false)
          expect(await hash.verifyMac(bytes, bytes, bytes)).toBe(false)
          if (![32, 1216].includes(bytes.length)) {
            await expect(hpke.importPublicKey(bytes)).rejects.toMatchObject({ name: 'CryptoError' })
            await expect(hpke.importPrivateKey(bytes)).rejects.toMatchObject({ name: 'CryptoError' })
          }
        }),
      )
    },
  )

  test('agreeing with a point of small order fails (RFC 9180 section 7.1.4)', () => {
    const kem = x25519Kem()
    for (const point of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31))]) {
      expect(() => kem.encapsulate(point)).toThrow()
      expect(() => kem.decapsulate(kem.generate(), point)).toThrow()
    }
  })

  test('a suite that we do not have is refused', async () => {
    for (const name of [
      'MLS_128_DHKEMP256_AES128GCM_SHA256_P256',
      'MLS_256_MLKEM768_AES256GCM_SHA384_Ed25519',
    ] as const)
      await expect(nativeProvider.getCiphersuiteImpl(getCiphersuiteFromName(name))).rejects.toThrow(/^no /)
  })
})

describe('published values', () => {
  test('HMAC-SHA-256 and -512 of RFC 4231, test cases 2 and 6', () => {
    const hexOf = (value: Uint8Array) => Buffer.from(value).toString('hex')
    const jefe = hmac(
      'sha256',
      Buffer.from('Jefe'),
      Buffer.from('what do ya want '),
      Buffer.from('for nothing?'),
    )
    expect(hexOf(jefe)).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')
    const long = Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First')
    expect(hexOf(hmac('sha512', new Uint8Array(131).fill(0xaa), long))).toBe(
      '80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352' +
        '6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598',
    )
  })

  test('HKDF-SHA-256 of RFC 5869, test case 1', () => {
    const kdf = hkdf('sha256')
    const salt = Uint8Array.from({ length: 13 }, (_, index) => index)
    const info = Uint8Array.from({ length: 10 }, (_, index) => 0xf0 + index)
    const key = kdf.expand(kdf.extract(salt, new Uint8Array(22).fill(0x0b)), info, 42)
    expect(Buffer.from(key).toString('hex')).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    )
  })

  test('an X-Wing key pair decapsulates what was encapsulated to it, and nothing else', () => {
    const kem = xwingKem()
    const [own, other] = [kem.generate(), kem.generate()]
    const { shared, encapsulated } = kem.encapsulate(own.publicRaw())
    expect(kem.decapsulate(own, encapsulated)).toEqual(shared)
    expect(kem.decapsulate(kem.importPrivate(own.raw), encapsulated)).toEqual(shared)
    expect(kem.decapsulate(other, encapsulated)).not.toEqual(shared)
    expect(encapsulated).toHaveLength(1120)
  })
})
