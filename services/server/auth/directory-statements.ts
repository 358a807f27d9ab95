// The server's word on each handle that it is asked for, signed with its directory key.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { SignedDirectoryStatementSchema } from '../../../gen/parley/v1/directory_pb.js'
import { readDeviceList } from '../../protocol/identity/device-list.js'
import { makeDirectoryStatement } from '../../protocol/identity/directory-statement.js'
import { nodeCrypto } from '../../protocol/node/crypto.js'
import type { AccountRecord, Store } from '../store/store.js'

interface DirectoryStatementsOptions {
  store: Pick<Store, 'directoryKey' | 'serverId'>
  /** Milliseconds since 1970. */
  now(): number
}

type Statement = MessageInitShape<typeof SignedDirectoryStatementSchema>

/** For one answer: about a handle that keeps the rule, and the account that goes by it; undefined: nobody does. */
export type StateDirectory = (handle: string, account: AccountRecord | undefined) => Statement

export function createDirectoryStatements({ store, now }: DirectoryStatementsOptions): StateDirectory {
  const { serverId, directoryKey: privateKey } = store
  return (handle, account) => {
    // It was verified when it came.
    const listed = account && readDeviceList(nodeCrypto, account.deviceList)
    return makeDirectoryStatement(nodeCrypto, { privateKey }, { serverId, handle, time: now(), listed })
  }
}
