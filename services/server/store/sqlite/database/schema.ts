import { recordSize } from '../../log-record.js'

/** Goes up with every change of the tables; kept in SQLite's user_version. Tables of another version are not opened. */
export const SCHEMA_VERSION = 14

/** "Prly": SQLite's application_id, which tells our files from others'. */
export const APPLICATION_ID = 0x50726c79

// Invites are kept as hashes.
const ADMISSION = `
CREATE TABLE invites (
  hash BLOB PRIMARY KEY,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bans (
  key INTEGER PRIMARY KEY,
  handle TEXT UNIQUE,
  device_id BLOB UNIQUE,
  banned_at INTEGER NOT NULL,
  CHECK ((handle IS NULL) <> (device_id IS NULL))
) STRICT;

CREATE INDEX key_packages_by_age ON key_packages (published_at) WHERE package IS NOT NULL;
`

// Drawn once, in the transaction that makes the table: it is a name and no secret, and SQLite's random bytes are seeded
// by the system's.
const SERVER = `
CREATE TABLE server (only INTEGER PRIMARY KEY CHECK (only = 1), id BLOB NOT NULL CHECK (length(id) = 16)) STRICT;
INSERT INTO server VALUES (1, randomblob(16));
`

// The bytes of the log by the account that sent them. The store adds what it appends, for a batch at a time.
const USAGE = `
CREATE TABLE usage (account INTEGER PRIMARY KEY REFERENCES accounts, bytes INTEGER NOT NULL) STRICT;

CREATE TRIGGER usage_given_back AFTER DELETE ON log BEGIN
  UPDATE usage SET bytes = max(0, bytes - length(OLD.payload) - ${recordSize(0)})
  WHERE account = (SELECT account FROM devices WHERE key = OLD.sender);
END;
`

// When an account made its last successor of a conversation; ms since 1970. A row is of use for a minute, and goes with the
// conversation's next successor after that.
const SUCCESSORS = `
CREATE TABLE successors (
  conversation INTEGER NOT NULL REFERENCES conversations,
  account INTEGER NOT NULL REFERENCES accounts,
  made_at INTEGER NOT NULL,
  PRIMARY KEY (conversation, account)
) STRICT, WITHOUT ROWID;
`

// Devices that the commit with this sequence has taken off a roster; the time is in ms since 1970.
const REMOVED = `
CREATE TABLE removed (
  conversation INTEGER NOT NULL REFERENCES conversations,
  device INTEGER NOT NULL REFERENCES devices,
  joined_epoch INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  removed_at INTEGER NOT NULL,
  PRIMARY KEY (conversation, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX removed_by_time ON removed (removed_at);
`

// Rows name conversations and devices by small integers: random 16- and 32-byte keys in the index of
// the log would cost most of its write rate. SQLite keeps the rowid (here the sequence) in every index,
// so log_by_conversation is an index on (conversation, sequence).
//
// A `sequence` is of the whole log, and `shown` the same record's number in its conversation.
//
// A place on a roster is `gone` when its device has left by itself and its leaf stands. `conversations` counts those
// that a device has created and that somebody is in.
//
// `account_commits` is CommitsFreeAt.accounts as pairs in JSON: a commit changes it and the rest of the row at once, and
// what is in it is of use for two minutes.
//
// The `devices` of an account are an encoded parley.v1.AccountDevices; a device that they do not have in use is
// `revoked`.
//
// An append changes a row of its sender's in `progress`, apart from `devices`, whose rows are large.
// The log has no foreign keys: the store looks both up before it writes, and a check per row is dear.
export const SCHEMA = `
CREATE TABLE sequence (only INTEGER PRIMARY KEY CHECK (only = 1), ceiling INTEGER NOT NULL) STRICT;
INSERT INTO sequence VALUES (1, 0);

CREATE TABLE cursor_key (only INTEGER PRIMARY KEY CHECK (only = 1), key BLOB NOT NULL) STRICT;

CREATE TABLE directory_key (only INTEGER PRIMARY KEY CHECK (only = 1), key BLOB NOT NULL) STRICT;

CREATE TABLE accounts (
  key INTEGER PRIMARY KEY,
  handle TEXT NOT NULL UNIQUE,
  account_key BLOB NOT NULL UNIQUE,
  devices BLOB NOT NULL
) STRICT;

CREATE TABLE devices (
  key INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  account INTEGER NOT NULL REFERENCES accounts
) STRICT;
CREATE INDEX devices_of_account ON devices (account);

CREATE TABLE progress (
  device INTEGER PRIMARY KEY REFERENCES devices,
  client_sequence INTEGER NOT NULL DEFAULT 0,
  commits_free_at INTEGER NOT NULL DEFAULT 0,
  acked_sequence INTEGER NOT NULL DEFAULT 0,
  conversations INTEGER NOT NULL DEFAULT 0,
  revoked INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE key_packages (
  key INTEGER PRIMARY KEY,
  device INTEGER NOT NULL REFERENCES devices,
  hash BLOB NOT NULL,
  suite INTEGER NOT NULL,
  package BLOB,
  published_at INTEGER NOT NULL DEFAULT 0,
  UNIQUE (device, hash)
) STRICT;
CREATE INDEX unclaimed_key_packages ON key_packages (device, suite) WHERE package IS NOT NULL;
CREATE INDEX claimed_key_packages ON key_packages (device) WHERE package IS NULL;

CREATE TABLE last_resorts (
  device INTEGER NOT NULL REFERENCES devices,
  suite INTEGER NOT NULL,
  package BLOB NOT NULL,
  PRIMARY KEY (device, suite)
) STRICT, WITHOUT ROWID;

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
  creator INTEGER NOT NULL REFERENCES devices,
  epoch INTEGER NOT NULL,
  last_commit INTEGER NOT NULL,
  expired_through INTEGER NOT NULL DEFAULT 0,
  expired_shown INTEGER NOT NULL DEFAULT 0,
  shared_epoch INTEGER NOT NULL DEFAULT 0,
  commits_free_at INTEGER NOT NULL DEFAULT 0,
  account_commits TEXT NOT NULL DEFAULT '[]',
  successor BLOB,
  successor_sequence INTEGER NOT NULL DEFAULT 0
) STRICT;
${SUCCESSORS}${REMOVED}
CREATE TABLE roster (
  conversation INTEGER NOT NULL REFERENCES conversations,
  device INTEGER NOT NULL REFERENCES devices,
  joined_sequence INTEGER NOT NULL,
  joined_epoch INTEGER NOT NULL,
  left_sequence INTEGER,
  left_shown INTEGER NOT NULL DEFAULT 0,
  gone INTEGER NOT NULL DEFAULT 0,
  missed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (conversation, device, joined_sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX roster_of_device ON roster (device);

CREATE TABLE log (
  sequence INTEGER PRIMARY KEY,
  conversation INTEGER NOT NULL,
  shown INTEGER NOT NULL,
  sender INTEGER NOT NULL,
  client_sequence INTEGER NOT NULL,
  stored_at INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  payload BLOB NOT NULL
) STRICT;
CREATE INDEX log_by_conversation ON log (conversation);
${ADMISSION}${SERVER}${USAGE}`
