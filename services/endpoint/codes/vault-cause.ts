/** Why a vault cannot be opened or written. `file`: which one of its files. */
export type VaultCause =
  | { code: 'passphrase-needed'; file: string }
  | { code: 'passphrase-wrong' | 'passphrase-empty' }
  /** A passphrase was given, and the vault has none. */
  | { code: 'passphrase-not-set'; file: string }
  | { code: 'in-use' | 'newer-version' | 'older-version' | 'damaged' | 'key-missing' | 'full'; file: string }
  /** `detail`: as SQLite or the system says it. */
  | { code: 'not-writable'; file: string; detail: string }
