// The certificates of devices that have written something here, so that what they wrote can be handed over with them.

import { equalBytes } from '../../protocol/bytes.js'
import type { DeviceKey } from '../../protocol/keys.js'
import { at, inUnit, type Reader, type Transaction } from '../vault/records.js'

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class WriterCertificates {
  constructor(private readonly reader: Reader) {}

  /** undefined: nothing of the device was kept. */
  get(device: DeviceKey): Uint8Array | undefined {
    return this.reader.get('certificates', this.#key(device))?.certificate
  }

  /** `certificate`: encoded, and verified. A later one takes the place of one before. */
  keep(tx: Transaction, device: DeviceKey, certificate: Uint8Array): void {
    inUnit(this.reader, tx)
    const known = this.get(device)
    if (!known || !equalBytes(known, certificate)) tx.put('certificates', this.#key(device), { certificate })
  }

  #key(device: DeviceKey) {
    return at(this.reader.numberOf('device', device))
  }
}
