import { CLOCK_SLACK_MS, DAY_MS, KEY_PACKAGE_LIFETIME_MS, SECOND_MS } from '../../protocol/time.js'
import { decodeStrict, equalBytes } from './codec.js'
import type { MlsContext } from './context.js'
import {
  encodeMlsMessage,
  generateKeyPackageWithKey,
  type KeyPackage,
  type PrivateKeyPackage,
  verifyKeyPackage,
  verifyLeafNodeSignatureKeyPackage,
} from './library.js'
import { concat } from './primitives/kdf.js'
import { twoBytes } from './primitives/labeled.js'
import { MlsRefused } from './refused.js'
import { demandSettingsSupport, SETTINGS_EXTENSION } from './settings.js'

/** Seconds that a key package of ours is valid for. */
const LIFETIME_S = KEY_PACKAGE_LIFETIME_MS / SECOND_MS
/** Seconds that it is valid already, for clocks that are behind. */
const CLOCK_SLACK_S = CLOCK_SLACK_MS / SECOND_MS
/** Seconds that a peer's may be valid for in all: 90 days. */
const MAX_LIFETIME_S = (90 * DAY_MS) / SECOND_MS
/** The extension that marks a key package of last resort (RFC 9750's registry: last_resort). */
const LAST_RESORT_EXTENSION = 0x000a
/** First byte of an encoded private half. */
const PRIVATE_FORMAT = 1

export interface KeyPackagePair {
  /** An encoded MLSMessage. */
  publicPackage: Uint8Array
  /** In our own encoding. Secret. */
  privatePackage: Uint8Array
  /** Milliseconds since 1970-01-01 UTC. */
  notAfter: number
}

export interface KeyPackageOptions {
  /** An encoded SignedDeviceCertificate. */
  identity: Uint8Array
  /** The device's private key: 32 raw bytes. */
  signatureKey: Uint8Array
  publicKey: Uint8Array
  /** Handed out again and again once the single-use ones are gone, and marked so. */
  lastResort?: boolean
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
      extensions: [LAST_RESORT_EXTENSION, SETTINGS_EXTENSION],
      proposals: [],
      credentials: ['basic'],
    },
    { notBefore: BigInt(now - CLOCK_SLACK_S), notAfter: BigInt(notAfter) },
    options.lastResort ? [{ extensionType, extensionData: new Uint8Array() }] : [],
    { signKey: options.signatureKey, publicKey: options.publicKey },
    context.suite,
  )
  return {
    publicPackage: encodeMlsMessage({
      version: 'mls10',
      wireformat: 'mls_key_package',
      keyPackage: publicPackage,
    }),
    privatePackage: encodePrivate(privatePackage),
    notAfter: notAfter * SECOND_MS,
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
  const leaf = keyPackage.leafNode
  checkLifetime(keyPackage, context.now())
  if (!(await context.config.authService.validateCredential(leaf.credential, leaf.signaturePublicKey)))
    throw new MlsRefused('bad-credential')
  const signed =
    (await verifyLeafNodeSignatureKeyPackage(leaf, context.suite.signature)) &&
    (await verifyKeyPackage(keyPackage, context.suite.signature))
  if (!signed || equalBytes(keyPackage.initKey, leaf.hpkePublicKey)) throw new MlsRefused('not-authentic')
  await context.suite.hpke.importPublicKey(keyPackage.initKey)
  await context.suite.hpke.importPublicKey(leaf.hpkePublicKey)
  context.checkedKeyPackages.set(bytes, keyPackage)
  return keyPackage
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
  const { keyPackage } = message
  const { ciphersuites, credentials, versions } = keyPackage.leafNode.capabilities
  const supported =
    keyPackage.version === 'mls10' &&
    keyPackage.cipherSuite === context.suite.name &&
    keyPackage.leafNode.credential.credentialType === 'basic' &&
    versions.includes('mls10') &&
    ciphersuites.includes(context.suite.name) &&
    credentials.includes('basic')
  if (!supported) throw new MlsRefused('unsupported')
  demandSettingsSupport(keyPackage.leafNode.capabilities)
  return keyPackage
}

/** One format byte, then each of the three keys behind its length in two bytes, big-endian. */
function encodePrivate(keys: PrivateKeyPackage): Uint8Array {
  const parts = [keys.initPrivateKey, keys.hpkePrivateKey, keys.signaturePrivateKey]
  return concat(Uint8Array.of(PRIVATE_FORMAT), ...parts.flatMap(part => [twoBytes(part.length), part]))
}

/** @throws MlsRefused('damaged') */
export function decodePrivate(bytes: Uint8Array): PrivateKeyPackage {
  const parts: Uint8Array[] = []
  let offset = 1
  while (offset + 2 <= bytes.length) {
    const length = (bytes[offset]! << 8) | bytes[offset + 1]!
    parts.push(bytes.slice(offset + 2, offset + 2 + length))
    offset += 2 + length
  }
  const [initPrivateKey, hpkePrivateKey, signaturePrivateKey] = parts
  const whole = bytes[0] === PRIVATE_FORMAT && offset === bytes.length && parts.length === 3
  if (!whole || !initPrivateKey || !hpkePrivateKey || !signaturePrivateKey) throw new MlsRefused('damaged')
  return { initPrivateKey, hpkePrivateKey, signaturePrivateKey }
}
