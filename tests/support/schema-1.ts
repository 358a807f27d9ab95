// The tables of version 1 of the SQLite store as they first were, and some rows: alice has a conversation with bob in
// epoch 2 and has said something; bob has read the welcome. Never changed: files like it are in the world.

import type { DatabaseSync } from 'node:sqlite'
import { toBinary } from '@bufbuild/protobuf'
import type { OutgoingEnvelope } from '../../gen/parley/v1/chat_pb.js'
import { CommitBundleSchema } from '../../gen/parley/v1/chat_pb.js'
import { accountOf, bytesOf, commit, recordOf, type TestDevice } from './store-world.js'

const TABLES = `
CREATE TABLE sequence (only INTEGER PRIMARY KEY CHECK (only = 1), ceiling INTEGER NOT NULL) STRICT;
INSERT INTO sequence VALUES (1, 0);

CREATE TABLE accounts (
  key INTEGER PRIMARY KEY,
  handle TEXT NOT NULL UNIQUE,
  account_key BLOB NOT NULL
) STRICT;

CREATE TABLE devices (
  key INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  account INTEGER NOT NULL REFERENCES accounts,
  certificate BLOB NOT NULL,
  last_resort BLOB
) STRICT;
CREATE INDEX devices_of_account ON devices (account);

CREATE TABLE progress (
  device INTEGER PRIMARY KEY REFERENCES devices,
  client_sequence INTEGER NOT NULL DEFAULT 0,
  acked_sequence INTEGER NOT NULL DEFAULT 0,
  conversations INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE key_packages (
  key INTEGER PRIMARY KEY,
  device INTEGER NOT NULL REFERENCES devices,
  hash BLOB NOT NULL,
  package BLOB,
  UNIQUE (device, hash)
) STRICT;
CREATE INDEX unclaimed_key_packages ON key_packages (device) WHERE package IS NOT NULL;

CREATE TABLE nonces (
  device_id BLOB NOT NULL,
  nonce BLOB NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (device_id, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_by_time ON nonces (until);

CREATE TABLE conversations (
  key INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  epoch INTEGER NOT NULL,
  last_commit INTEGER NOT NULL,
  expired_through INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE roster (
  conversation INTEGER NOT NULL REFERENCES conversations,
  device INTEGER NOT NULL REFERENCES devices,
  joined_sequence INTEGER NOT NULL,
  left_sequence INTEGER,
  missed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (conversation, device, joined_sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX roster_of_device ON roster (device);

CREATE TABLE log (
  sequence INTEGER PRIMARY KEY,
  conversation INTEGER NOT NULL,
  sender INTEGER NOT NULL,
  client_sequence INTEGER NOT NULL,
  stored_at INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  is_commit INTEGER NOT NULL,
  payload BLOB NOT NULL
) STRICT;
CREATE INDEX log_by_conversation ON log (conversation);
`

const APPLICATION_ID = 0x50726c79

export const CONVERSATION = bytesOf('conversation', 16)

export const ALICE: TestDevice = { id: recordOf('alice').deviceId, handle: 'alice', sent: 3n }
export const BOB: TestDevice = { id: recordOf('bob').deviceId, handle: 'bob', sent: 0n }

export function makeVersion1(db: DatabaseSync): void {
  db.exec(`${TABLES} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 1`)
  db.prepare('INSERT INTO conversations VALUES (1, ?, 2, 2, 0)').run(CONVERSATION)
  for (const [index, { handle, id }] of [ALICE, BOB].entries()) {
    const key = index + 1
    db.prepare('INSERT INTO accounts VALUES (?, ?, ?)').run(key, handle, accountOf(handle).accountKey)
    const { certificate } = recordOf(handle)
    db.prepare('INSERT INTO devices VALUES (?, ?, ?, ?, ?)').run(key, id, key, certificate, bytesOf('last'))
    const sent = handle === 'alice' ? 3 : 0
    db.prepare('INSERT INTO progress VALUES (?, ?, 0, 1)').run(key, sent)
    db.prepare('INSERT INTO key_packages VALUES (?, ?, ?, ?)').run(key, key, bytesOf('hash'), bytesOf('one'))
    db.prepare('INSERT INTO roster VALUES (1, ?, 1, NULL, 0)').run(key)
  }
  const insert = db.prepare('INSERT INTO log VALUES (?, 1, 1, ?, 1000, ?, ?, ?)')
  insert.run(1, 1, 0, 1, bundle(commit(ALICE, CONVERSATION, { creates: true, added: [BOB] })))
  insert.run(2, 2, 1, 1, bundle(commit(ALICE, CONVERSATION, { epoch: 1n })))
  insert.run(3, 3, 2, 0, new TextEncoder().encode('kept'))
  db.exec('UPDATE sequence SET ceiling = 1000')
}

function bundle({ envelope }: OutgoingEnvelope): Uint8Array {
  if (envelope.case !== 'commit') throw new Error('not a commit')
  return toBinary(CommitBundleSchema, envelope.value)
}
