import { CONVERSATION_DEVICES, PAST_EPOCHS } from '../../protocol/sizes.js'
import {
  type CiphersuiteImpl,
  type CiphersuiteName,
  type ClientConfig,
  type Credential,
  type CryptoProvider,
  defaultKeyPackageEqualityConfig,
  defaultPaddingConfig,
  getCiphersuiteFromName,
  type KeyPackage,
} from './library.js'
import { nativeProvider } from './primitives/provider.js'

/** Hybrid post-quantum: X25519 and ML-KEM-768. Its number (83) is the library's own in 1.x. */
export const DEFAULT_SUITE = 'MLS_256_XWING_AES256GCM_SHA512_Ed25519' satisfies CiphersuiteName

/** Past epochs whose late messages can still be opened. */
export const RETAINED_EPOCHS = PAST_EPOCHS
/** Messages of one sender that may be missing before the next one is refused. */
export const MAX_SKIPPED_MESSAGES = 5_000
/** Devices in one group. */
export const MAX_MEMBERS = CONVERSATION_DEVICES
/** Leaves of a ratchet tree, blank ones too: the power of two above MAX_MEMBERS. */
export const MAX_LEAVES = 256

/** Verifies one leaf's credential identity (an encoded SignedDeviceCertificate) for its signature key; pure. */
export type ValidateCredential = (identity: Uint8Array, signatureKey: Uint8Array) => boolean

/** Every operation of the engine needs this besides a group's state. */
export interface MlsContext {
  suite: CiphersuiteImpl
  config: ClientConfig
  /** Milliseconds since 1970. */
  now(): number
  /** Key packages whose signatures were verified, by their bytes: whoever adds them looks at each several times. */
  checkedKeyPackages: WeakMap<Uint8Array, KeyPackage>
}

/** @throws whatever the provider throws for a suite that it does not have. */
export async function createContext(options: {
  validate: ValidateCredential
  provider?: CryptoProvider | undefined
  suite?: CiphersuiteName | undefined
  now?: (() => number) | undefined
}): Promise<MlsContext> {
  const suite = getCiphersuiteFromName(options.suite ?? DEFAULT_SUITE)
  const provider = options.provider ?? nativeProvider
  return {
    suite: await provider.getCiphersuiteImpl(suite),
    config: clientConfig(options.validate),
    now: options.now ?? Date.now,
    checkedKeyPackages: new WeakMap(),
  }
}

function clientConfig(validate: ValidateCredential): ClientConfig {
  return {
    authService: {
      validateCredential: async (credential, signatureKey) => isValid(credential, signatureKey, validate),
    },
    keyRetentionConfig: {
      // 0, or a skipped message keeps the secret from which all later keys of its sender follow.
      retainKeysForGenerations: 0,
      retainKeysForEpochs: RETAINED_EPOCHS,
      maximumForwardRatchetSteps: MAX_SKIPPED_MESSAGES,
    },
    // Not checked on receiving: a commit that some members take and others refuse, because their
    // clock is off or they were away, splits the group. The member that adds checks it (key-package.ts).
    lifetimeConfig: { maximumTotalLifetime: 0n, validateLifetimeOnReceive: false },
    keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
    paddingConfig: defaultPaddingConfig,
  }
}

function isValid(credential: Credential, signatureKey: Uint8Array, validate: ValidateCredential): boolean {
  if (credential.credentialType !== 'basic') return false
  try {
    return validate(credential.identity, signatureKey)
  } catch {
    return false
  }
}
