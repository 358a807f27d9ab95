// The promises of services/server/store/store.ts, which every store has to keep.

import type { Store } from '../../services/server/store/store.js'
import { admissionSuite } from './store-admission-suite.js'
import { commitLimitsSuite } from './store-commit-limits-suite.js'
import { deliverySuite } from './store-delivery-suite.js'
import { directorySuite } from './store-directory-suite.js'
import { expirySuite } from './store-expiry-suite.js'
import { leaveSuite } from './store-leave-suite.js'
import { modelSuite } from './store-model-suite.js'
import { quotaSuite } from './store-quota-suite.js'
import { rejectionSuite } from './store-rejection-suite.js'
import { rejoinSuite } from './store-rejoin-suite.js'
import { removedSuite } from './store-removed-suite.js'
import { successorSuite } from './store-successor-suite.js'

interface StoreUnderTest {
  store: Store
  /** Closes it and opens it again on the same data. */
  reopen(): Promise<Store>
}

interface SuiteLimits {
  applicationBytes: number
  commitBundleBytes: number
  devicesPerConversation: number
  conversationsPerDevice: number
  keyPackagesPerDevice: number
  devicesPerAccount: number
  accountBytes: number
  commitsPerMinute: number
  commitsPerMinuteAndConversation: number
}

/** Opens a new, empty store with a clock (ms since 1970); the caller closes it after the test. */
export type OpenStore = (limits?: Partial<SuiteLimits> & { now?: () => number }) => Promise<StoreUnderTest>

export function storeSuite(open: OpenStore): void {
  directorySuite(open)
  admissionSuite(open)
  rejectionSuite(open)
  deliverySuite(open)
  expirySuite(open)
  rejoinSuite(open)
  leaveSuite(open)
  successorSuite(open)
  removedSuite(open)
  commitLimitsSuite(open)
  modelSuite(open)
  quotaSuite(open)
}
