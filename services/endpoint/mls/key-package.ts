import { CLOCK_SLACK_MS, DAY_MS, KEY_PACKAGE_LIFETIME_MS, SECOND_MS } from '../../protocol/time.js'
import { decodeStrict, equalBytes } from './codec.js'
import type { MlsContext } from './context.js'
import {
  demandLastResort,
  demandOurs,
  LAST_RESORT_EXTENSION,
  leafExtensions,
  SUPPORTED_EXTENSIONS,
} from './extensions.js'
import {
  ciphersuites,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  type KeyPackage,
  type LeafNode,
  type PrivateKeyPackage,
  verifyKeyPackage,
  verifyLeafNodeSignatureKeyPackage,
} from './library.js'
import { concat } from './primitives/kdf.js'
import { twoBytes } from './primitives/labeled.js'
import { MlsRefused, refusing } from './refused.js'

/** Seconds that a key package of ours is valid for. */
const LIFETIME_S = KEY_PACKAGE_LIFETIME_MS / SECOND_MS
/** Seconds that it is valid already, for clocks that are behind. */
const CLOCK_SLACK_S = CLOCK_SLACK_MS / SECOND_MS
/** Seconds that a peer's may be valid for in all: 90 days. */
const MAX_LIFETIME_S = (90 * DAY_MS) / SECOND_MS
/** First byte of an encoded private half. */
const PRIVATE_FORMAT = 2
/** Bytes before its keys: the format, and the suite's number. */
const PRIVATE_HEADER_LENGTH = 3

export interface KeyPackagePair {
  /** An encoded MLSMessage. */
  publicPackage: Uint8Array
  /** In our own encoding. Secret. */
  privatePackage: Uint8Array
  /** Milliseconds since 1970-01-01 UTC. */
  notAfter: number
  /** The number of the suite that both halves are of, and that they say themselves. */
  suite: number
}

export interface KeyPackageOptions {
  /** An encoded SignedDeviceCertificate. */
  identity: Uint8Array
  /** The device's private key: 32 raw bytes. */
  signatureKey: Uint8Array
  publicKey: Uint8Array
  /** Handed out again and again once the single-use ones are gone, and marked so. */
  lastResort?: boolean
  /** The leaf is to say this, too; bytes, and nothing more, to the engine. At most 1 KiB. */
  leafData?: Uint8Array
}

export async function newKeyPackage(
  context: MlsContext,
  options: KeyPackageOptions,
): Promise<KeyPackagePair> {
  const now = Math.floor(context.now() / SECOND_MS)
  const notAfter = now + LIFETIME_S
  const extensionType = LAST_RESORT_EXTENSION
  const { publicPackage, privatePackage } = await generateKeyPackageWithKey(
    { credentialType: 'basic', identity: options.identity },
    {
      versions: ['mls10'],
      ciphersuites: [context.suite.name],
      extensions: SUPPORTED_EXTENSIONS,
      proposals: [],
      credentials: ['basic'],
    },
    { notBefore: BigInt(now - CLOCK_SLACK_S), notAfter: BigInt(notAfter) },
    options.lastResort ? [{ extensionType, extensionData: new Uint8Array() }] : [],
    { signKey: options.signatureKey, publicKey: options.publicKey },
    context.suite,
    leafExtensions(options.leafData),
  )
  return {
    publicPackage: encodeMlsMessage({
      version: 'mls10',
      wireformat: 'mls_key_package',
      keyPackage: publicPackage,
    }),
    privatePackage: encodePrivate(context, privatePackage),
    notAfter: notAfter * SECOND_MS,
    suite: ciphersuites[context.suite.name],
  }
}

/**
 * All that RFC 9420 section 10.1 asks of whoever uses a key package, and that its credential is valid.
 *
 * @throws MlsRefused: malformed, unsupported, expired, bad-credential or not-authentic
 */
export async function checkedKeyPackage(context: MlsContext, bytes: Uint8Array): Promise<KeyPackage> {
  const checked = context.checkedKeyPackages.get(bytes)
  if (checked) {
    checkLifetime(checked, context.now())
    return checked
  }
  const keyPackage = decodeKeyPackage(context, bytes)
  checkLifetime(keyPackage, context.now())
  await verify(context, keyPackage)
  context.checkedKeyPackages.set(bytes, keyPackage)
  return keyPackage
}

/**
 * The same of a key package in another member's commit, but for its lifetime: a commit that some members take and
 * others refuse, because their clocks are off or they were away, splits the group.
 *
 * @throws MlsRefused: unsupported, bad-credential or not-authentic
 */
export async function checkAdded(context: MlsContext, keyPackage: KeyPackage): Promise<void> {
  demandSupported(context, keyPackage)
  await verify(context, keyPackage)
}

/** @throws MlsRefused: bad-credential or not-authentic */
async function verify({ config, suite }: MlsContext, keyPackage: KeyPackage): Promise<void> {
  const leaf = keyPackage.leafNode
  if (!(await config.authService.validateCredential(leaf.credential, leaf.signaturePublicKey)))
    throw new MlsRefused('bad-credential')
  const signed =
    (await verifyLeafNodeSignatureKeyPackage(leaf, suite.signature)) &&
    (await verifyKeyPackage(keyPackage, suite.signature))
  if (!signed || equalBytes(keyPackage.initKey, leaf.hpkePublicKey)) throw new MlsRefused('not-authentic')
  await demandUsable({ suite }, [keyPackage.initKey, leaf.hpkePublicKey])
}

/**
 * That one can encrypt to these keys, by trying: a single one in a tree that is none, and nobody commits any more.
 *
 * @throws MlsRefused('not-authentic')
 */
export async function demandUsable(
  { suite: { hpke } }: Pick<MlsContext, 'suite'>,
  keys: readonly Uint8Array[],
): Promise<void> {
  const nothing = new Uint8Array()
  for (const key of keys)
    await refusing('not-authentic', async () =>
      hpke.seal(await hpke.importPublicKey(key), nothing, nothing, nothing),
    )
}

function checkLifetime({ leafNode }: KeyPackage, nowMs: number): void {
  const { notBefore, notAfter } = leafNode.lifetime
  const now = BigInt(Math.floor(nowMs / SECOND_MS))
  const tooLong = notAfter - notBefore > BigInt(MAX_LIFETIME_S)
  if (tooLong || notBefore > now || notAfter < now) throw new MlsRefused('expired')
}

/** @throws MlsRefused: malformed or unsupported */
export function decodeKeyPackage(context: MlsContext, bytes: Uint8Array): KeyPackage {
  const message = decodeStrict(bytes)
  if (message.wireformat !== 'mls_key_package') throw new MlsRefused('malformed')
  demandSupported(context, message.keyPackage)
  return message.keyPackage
}

/** @throws MlsRefused('unsupported') */
function demandSupported(context: MlsContext, keyPackage: KeyPackage): void {
  if (keyPackage.version !== 'mls10' || keyPackage.cipherSuite !== context.suite.name)
    throw new MlsRefused('unsupported')
  demandLastResort(keyPackage.extensions)
  demandSupportedLeaf(context, keyPackage.leafNode)
}

/**
 * That a leaf is one of Parley's. Of versions, suites and credentials it lists what the group has and no more: the
 * library cannot read numbers in these lists that it does not know.
 *
 * @throws MlsRefused('unsupported')
 */
export function demandSupportedLeaf({ suite }: MlsContext, leaf: LeafNode): void {
  const { ciphersuites, credentials, versions } = leaf.capabilities
  const supported =
    leaf.credential.credentialType === 'basic' &&
    isOnly(versions, 'mls10') &&
    isOnly(ciphersuites, suite.name) &&
    isOnly(credentials, 'basic')
  if (!supported) throw new MlsRefused('unsupported')
  demandOurs(leaf)
}

const isOnly = (list: readonly string[], value: string) => list.length === 1 && list[0] === value

/** The header, then each of the three keys behind its length in two bytes, big-endian. */
function encodePrivate(context: MlsContext, keys: PrivateKeyPackage): Uint8Array {
  const parts = [keys.initPrivateKey, keys.hpkePrivateKey, keys.signaturePrivateKey]
  return concat(privateHeader(context), ...parts.flatMap(part => [twoBytes(part.length), part]))
}

/** @throws MlsRefused('damaged'), also for one of another suite */
export function decodePrivate(context: MlsContext, bytes: Uint8Array): PrivateKeyPackage {
  const parts: Uint8Array[] = []
  let offset = PRIVATE_HEADER_LENGTH
  while (offset + 2 <= bytes.length) {
    const length = (bytes[offset]! << 8) | bytes[offset + 1]!
    parts.push(bytes.slice(offset + 2, offset + 2 + length))
    offset += 2 + length
  }
  const [initPrivateKey, hpkePrivateKey, signaturePrivateKey] = parts
  const isOfSuite = equalBytes(bytes.subarray(0, PRIVATE_HEADER_LENGTH), privateHeader(context))
  const whole = isOfSuite && offset === bytes.length && parts.length === 3
  if (!whole || !initPrivateKey || !hpkePrivateKey || !signaturePrivateKey) throw new MlsRefused('damaged')
  return { initPrivateKey, hpkePrivateKey, signaturePrivateKey }
}

function privateHeader(context: MlsContext): Uint8Array {
  return concat(Uint8Array.of(PRIVATE_FORMAT), twoBytes(ciphersuites[context.suite.name]))
}
