// Mutants that no test finds, and why that is right. Each is known by its text in one line, not by its place.

export interface Explained {
  /** The end of the path. */
  file: string
  original: string
  replacement: string
  why: string
}

export const EXPLAINED: readonly Explained[] = [
  {
    file: 'server/store/facts.ts',
    original: 'joined.length === 0 && left.length === 0',
    replacement: 'false',
    why: 'It saves the copies of two maps; the result is the same.',
  },
  {
    file: 'server/store/facts.ts',
    original: '[]',
    replacement: '["Stryker was here"]',
    why: 'A device that leaves has a span: the rules accept the removal of members only.',
  },
  {
    file: 'server/store/commit-rules.ts',
    original: '[]',
    replacement: '["Stryker was here"]',
    why: 'An id that no device has is left out.',
  },
  {
    file: 'server/store/log-record.ts',
    original: "record.body.case !== 'commit'",
    replacement: 'true',
    why: 'Made into the message of a delivered commit, a bundle keeps only the fields that this one has.',
  },
  {
    file: 'server/store/log-record.ts',
    original: "'commit'",
    replacement: '""',
    why: 'Made into the message of a delivered commit, a bundle keeps only the fields that this one has.',
  },
  {
    file: 'endpoint/contacts/contacts.ts',
    original: 'number === undefined',
    replacement: 'false',
    why: 'No row has no number, so there is none to find either.',
  },
  {
    file: 'endpoint/contacts/contacts.ts',
    original: '[]',
    replacement: '["Stryker was here"]',
    why: 'A number that is linked is that of a contact.',
  },
  {
    file: 'endpoint/contacts/contacts.ts',
    original: 'known.lastHeardMs >= BigInt(time)',
    replacement: 'known.lastHeardMs > BigInt(time)',
    why: 'It saves writing the time that stands there already.',
  },
  {
    file: 'endpoint/contacts/contacts.ts',
    original: 'known === undefined',
    replacement: 'true',
    why: 'It saves writing the link that stands there already.',
  },
  {
    file: 'endpoint/groups/state/group.ts',
    original: "phase.name === 'leaving'",
    replacement: 'true',
    why: 'No other phase has a leave to say; asked here, the compiler knows it too.',
  },
  {
    file: 'endpoint/groups/state/due.ts',
    original: 'isSoon(record, now)',
    replacement: 'true',
    why: 'It saves writing those back that are not near.',
  },
  {
    file: 'endpoint/groups/state/due.ts',
    original: 'rows.at(-1)?.key',
    replacement: 'rows.at(-1).key',
    why: 'There is a last one of so many.',
  },
  {
    file: 'endpoint/groups/state/due.ts',
    original: "tx.saved('groups', at(group))?.phase.case !== record.phase.case",
    replacement: 'true',
    why: 'It saves looking at a conversation of which nothing has changed.',
  },
  {
    file: 'endpoint/groups/state/due.ts',
    original: "'groups'",
    replacement: '""',
    why: 'It saves looking at a conversation of which nothing has changed.',
  },
  {
    file: 'endpoint/groups/state/due.ts',
    original: 'tx.has(table, at(group))',
    replacement: 'true',
    why: 'It saves deleting what is not there.',
  },
  {
    file: 'endpoint/groups/state/due.ts',
    original: 'atMs !== undefined',
    replacement: 'true',
    why: 'No time is no number, which is not near either.',
  },
  {
    file: 'endpoint/groups/state/due.ts',
    original: 'time < least',
    replacement: 'time <= least',
    why: 'Of two that are alike either is the least.',
  },
  {
    file: 'endpoint/groups/state/due.ts',
    original: 'sender !== undefined',
    replacement: 'true',
    why: 'A device that was heard of is never forgotten.',
  },
  {
    file: 'endpoint/groups/state/due.ts',
    original: 'isOwed === (before !== undefined && before.owed > before.receipted)',
    replacement: 'false',
    why: 'It saves writing the link that stands there already, or deleting the one that does not.',
  },
  {
    file: 'endpoint/groups/state/due.ts',
    original: 'record?.kind',
    replacement: 'record.kind',
    why: 'A conversation is never deleted.',
  },
  {
    file: 'endpoint/groups/intents.ts',
    original: 'left.length < change.value.deviceIds.length',
    replacement: 'true',
    why: 'It saves writing an intent as it stands.',
  },
  {
    file: 'endpoint/groups/intents.ts',
    original: 'left.length < change.value.deviceIds.length',
    replacement: 'left.length <= change.value.deviceIds.length',
    why: 'It saves writing an intent as it stands.',
  },
  {
    file: 'endpoint/groups/state/groups.ts',
    original: 'pending',
    replacement: 'true',
    why: 'To write no bytes is to delete them.',
  },
  {
    file: 'endpoint/groups/state/member-links.ts',
    original: '!was.has(account)',
    replacement: 'true',
    why: 'It saves writing the link that stands there already.',
  },
  {
    file: 'endpoint/groups/state/member-links.ts',
    original: "''",
    replacement: '"Stryker was here!"',
    why: 'It stands before the devices of every account alike, and they are only compared.',
  },
  {
    file: 'endpoint/groups/state/live-group.ts',
    original: '[]',
    replacement: '["Stryker was here"]',
    why: 'A number that is linked is that of a sender.',
  },
  {
    file: 'endpoint/groups/intents.ts',
    original: "'parley.vault.v1.AddDevices'",
    replacement: '""',
    why: 'The name of a record’s type is for the compiler; it is not written.',
  },
  {
    file: 'endpoint/messages/content/receipt.ts',
    original: 'owed.length > 0',
    replacement: 'true',
    why: 'It saves counting the members where nothing is owed.',
  },
  {
    file: 'endpoint/messages/content/receipt.ts',
    original: 'owed.length > 0',
    replacement: 'owed.length >= 0',
    why: 'It saves counting the members where nothing is owed.',
  },
  {
    file: 'endpoint/messages/content/receipt.ts',
    original: 'isOurs',
    replacement: 'false',
    why: 'It saves noting a confirmation that nobody asks for: only other accounts are asked.',
  },
  {
    file: 'endpoint/messages/content/receipt.ts',
    original: 'a > b',
    replacement: 'a >= b',
    why: 'Of two that are alike either is the larger.',
  },
  {
    file: 'endpoint/messages/content/receipt.ts',
    original: 'a < b',
    replacement: 'a <= b',
    why: 'Of two that are alike either is the smaller.',
  },
  {
    file: 'endpoint/messages/content/registry.ts',
    original: '[]',
    replacement: '["Stryker was here"]',
    why: 'What has no kind is a line of none.',
  },
  {
    file: 'protocol/identity/recovery-phrase.ts',
    original: '/[\\s,]+/',
    replacement: '/[\\s,]/',
    why: 'Empty pieces between two separators are left out.',
  },
  {
    file: 'protocol/bytes.ts',
    original: '{ return undefined; }',
    replacement: '{}',
    why: 'A function that ends returns undefined.',
  },
  {
    file: 'protocol/node/crypto.ts',
    original: '{ return false; }',
    replacement: '{}',
    why: 'This OpenSSL imports any key of 32 bytes, and says no when it verifies; another one may refuse it before.',
  },
  {
    file: 'protocol/node/crypto.ts',
    original: 'false',
    replacement: 'true',
    why: 'This OpenSSL imports any key of 32 bytes, and says no when it verifies; another one may refuse it before.',
  },
  {
    file: 'protocol/node/crypto.ts',
    original: '{ return undefined; }',
    replacement: '{}',
    why: 'A function that ends returns undefined.',
  },
  {
    file: 'protocol/node/crypto.ts',
    original: 'known',
    replacement: 'false',
    why: 'It saves importing the key again.',
  },
]
