// One of each code, so that a test that goes through them forgets none: one that is missing does not compile.

import type {
  Deed,
  DownCause,
  Found,
  JoinRefusal,
  Notice,
  RefusalCause,
  StopCause,
  SystemMessage,
  Unreadable,
  VaultCause,
  WhyNot,
} from '../../services/endpoint/index.js'
import type { RecoveryPhraseCause } from '../../services/protocol/identity/recovery-phrase.js'
import type { InviteCause } from '../../services/protocol/invite/address.js'

export type OneOfEach<Coded extends { code: string }> = { [Code in Coded['code']]: Coded & { code: Code } }

export const SYSTEM_MESSAGES: OneOfEach<SystemMessage> = {
  'members-added': { code: 'members-added', by: 'alice', who: ['bob', 'carol'] },
  'members-removed': { code: 'members-removed', by: 'alice', who: ['bob'] },
  'members-left': { code: 'members-left', who: ['bob', 'carol'] },
  'device-added': { code: 'device-added', who: 'bob' },
  'device-rejoins': { code: 'device-rejoins', who: 'bob' },
  'own-device-added': { code: 'own-device-added' },
  joined: { code: 'joined', others: ['alice', 'bob'], topic: 'green', historyDays: 1 },
  'you-left': { code: 'you-left' },
  'you-were-removed': { code: 'you-were-removed', who: 'alice' },
  'room-named': { code: 'room-named', by: 'alice', name: 'tea' },
  'topic-set': { code: 'topic-set', by: 'alice', topic: 'green' },
  'newcomers-decided': { code: 'newcomers-decided', by: 'alice', days: 7 },
  'admin-made': { code: 'admin-made', by: 'alice', who: ['bob'] },
  'admin-unmade': { code: 'admin-unmade', by: 'alice', who: ['bob'] },
  'admins-made-meanwhile': { code: 'admins-made-meanwhile', who: ['bob'] },
  'history-from-device': { code: 'history-from-device', lines: 1, device: 'phone' },
  'history-from-member': { code: 'history-from-member', lines: 2, from: 'bob' },
  newer: { code: 'newer' },
}

export const UNREADABLE: OneOfEach<Unreadable> = {
  'old-epoch': { code: 'old-epoch' },
  'future-epoch': { code: 'future-epoch' },
  'other-kind': { code: 'other-kind' },
  refused: { code: 'refused', cause: 'not-authentic' },
  'bad-content': { code: 'bad-content', from: 'bob' },
  'unknown-content': { code: 'unknown-content', from: 'bob' },
  'not-signed': { code: 'not-signed' },
  'against-rules': { code: 'against-rules', from: 'bob' },
  expired: { code: 'expired', count: 2n },
  gap: { code: 'gap', from: 'bob', count: 1n },
  forked: { code: 'forked', from: 'bob' },
  'unknown-echo': { code: 'unknown-echo' },
  newer: { code: 'newer' },
}

const AT = new Date(Date.UTC(2026, 0, 2, 3, 4))

export const WHY_NOT: OneOfEach<WhyNot> = {
  rejected: { code: 'rejected', rejection: 'too-many-members' },
  impossible: { code: 'impossible', cause: 'policy' },
  nobody: { code: 'nobody' },
  'no-device': { code: 'no-device' },
  'key-changed': { code: 'key-changed' },
  'handle-twice': { code: 'handle-twice' },
}

export const NOTICES: OneOfEach<Notice> = {
  'server-full': { code: 'server-full' },
  'account-full': { code: 'account-full' },
  'not-opened': { code: 'not-opened', peer: 'bob', isRoom: false, why: 'too-many-conversations' },
  'not-added': { code: 'not-added', handle: 'bob', peer: '#tea', why: WHY_NOT.rejected },
  'not-changed': { code: 'not-changed', peer: '#tea', why: WHY_NOT.impossible },
  'welcome-expired': { code: 'welcome-expired', count: 2n },
  'other-devices': { code: 'other-devices', peer: '@own-devices' },
  'invitation-refused': { code: 'invitation-refused', why: { code: 'own-handle' } },
  'copy-put-back': { code: 'copy-put-back' },
  impostor: { code: 'impostor', handle: 'bob' },
  'account-unknown': { code: 'account-unknown', handle: 'alice' },
  absent: { code: 'absent', peer: 'bob' },
}

export const JOIN_REFUSALS: OneOfEach<JoinRefusal> = {
  'too-many-attempts': { code: 'too-many-attempts', attempts: 3 },
  'other-conversation': { code: 'other-conversation' },
  'bad-settings': { code: 'bad-settings' },
  'foreign-account': { code: 'foreign-account' },
  'not-two-people': { code: 'not-two-people' },
  'own-handle': { code: 'own-handle' },
  'not-theirs': { code: 'not-theirs' },
  'handle-twice': { code: 'handle-twice', handle: 'bob' },
  'not-signed': { code: 'not-signed' },
  'against-rules': { code: 'against-rules', from: 'bob' },
  mls: { code: 'mls', cause: 'malformed' },
}

export const REFUSALS: OneOfEach<RefusalCause> = {
  'text-too-long': { code: 'text-too-long', bytes: 65_537, limit: 65_536 },
  'bad-handle': { code: 'bad-handle', handle: 'Bob' },
  'own-handle': { code: 'own-handle', handle: 'alice' },
  'not-a-room': { code: 'not-a-room' },
  'not-in-room': { code: 'not-in-room', peer: '#tea' },
  'not-an-admin': { code: 'not-an-admin', admins: ['alice', 'bob'] },
  'already-a-member': { code: 'already-a-member', handle: 'bob' },
  'not-a-member': { code: 'not-a-member', handle: 'bob' },
  'cannot-remove-yourself': { code: 'cannot-remove-yourself' },
  'only-admin': { code: 'only-admin' },
  'only-admin-leaves': { code: 'only-admin-leaves' },
  'bad-room-name': { code: 'bad-room-name', characters: 64 },
  'topic-too-long': { code: 'topic-too-long', characters: 512 },
  'bad-device-name': { code: 'bad-device-name', characters: 64 },
  'bad-days': { code: 'bad-days', limit: 3650 },
  'no-request': { code: 'no-request', handle: 'bob' },
  'key-changed': { code: 'key-changed', handle: 'bob' },
  'key-not-changed': { code: 'key-not-changed', handle: 'bob' },
  'key-unknown': { code: 'key-unknown', handle: 'bob' },
  'key-swapped': { code: 'key-swapped', handle: 'bob', shown: 'SHA256:a', seen: 'SHA256:b' },
  'already-blocked': { code: 'already-blocked', handle: 'bob' },
  'not-blocked': { code: 'not-blocked', handle: 'bob' },
  'not-your-device': { code: 'not-your-device' },
  'this-device': { code: 'this-device' },
  'already-revoked': { code: 'already-revoked' },
}

export const DOWN: OneOfEach<DownCause> = {
  unreachable: { code: 'unreachable', address: 'here:5000', why: 'refused' },
  'no-answer': { code: 'no-answer' },
  clock: { code: 'clock', offsetMs: 600_000, serverTime: AT },
  silent: { code: 'silent', seconds: 16 },
  ended: { code: 'ended' },
  'shutting-down': { code: 'shutting-down' },
  'wrong-numbers': { code: 'wrong-numbers' },
  'no-line': { code: 'no-line', address: 'here:5000' },
  'call-failed': { code: 'call-failed', status: 'UNAVAILABLE', message: 'the server is stopping' },
}

export const VAULT: OneOfEach<VaultCause> = {
  'passphrase-needed': { code: 'passphrase-needed', file: 'vault.db' },
  'passphrase-wrong': { code: 'passphrase-wrong' },
  'passphrase-empty': { code: 'passphrase-empty' },
  'passphrase-not-set': { code: 'passphrase-not-set', file: 'vault.db' },
  'in-use': { code: 'in-use', file: 'vault.db' },
  'newer-version': { code: 'newer-version', file: 'vault.db' },
  'older-version': { code: 'older-version', file: 'vault.db' },
  damaged: { code: 'damaged', file: 'vault.db' },
  'key-missing': { code: 'key-missing', file: 'key' },
  full: { code: 'full', file: 'vault.db' },
  'not-writable': { code: 'not-writable', file: 'vault.db', detail: 'EACCES' },
}

export const STOPPED: OneOfEach<StopCause> = {
  'server-changed': {
    code: 'server-changed',
    address: 'here:5000',
    pinned: 'SHA256:a',
    seen: 'SHA256:b',
  },
  'server-not-invited': {
    code: 'server-not-invited',
    address: 'here:5000',
    invited: 'SHA256:a',
    seen: 'SHA256:b',
  },
  'server-not-vouched': {
    code: 'server-not-vouched',
    address: 'here:5000',
    host: 'there',
    seen: 'SHA256:b',
  },
  'no-server': { code: 'no-server' },
  'handle-taken': { code: 'handle-taken', handle: 'alice' },
  'handle-reserved': { code: 'handle-reserved', handle: 'alice' },
  'handle-invalid': { code: 'handle-invalid', handle: 'alice', rule: 'It is too short.' },
  'not-registered': { code: 'not-registered', handle: 'alice' },
  'too-many-devices': { code: 'too-many-devices', limit: 16 },
  'invite-needed': { code: 'invite-needed' },
  'invite-invalid': { code: 'invite-invalid' },
  'registration-closed': { code: 'registration-closed' },
  superseded: { code: 'superseded' },
  revoked: { code: 'revoked' },
  banned: { code: 'banned' },
  'protocol-version': { code: 'protocol-version', message: 'version 2 is spoken here' },
  'unknown-answer': { code: 'unknown-answer' },
  vault: { code: 'vault', vault: VAULT.full },
  closed: { code: 'closed' },
}

const KEYS = { atServer: 1, here: 2, hasLastResort: true }

export const FOUND: OneOfEach<Found> = {
  'no-server': { code: 'no-server' },
  'name-unknown': { code: 'name-unknown', address: 'here:5000' },
  'server-answers': { code: 'server-answers', address: 'here:5000', addresses: ['10.0.0.1', '::1'] },
  'server-unreachable': {
    code: 'server-unreachable',
    address: 'here:5000',
    addresses: ['10.0.0.1'],
    why: 'timeout',
  },
  'server-key-pinned': { code: 'server-key-pinned' },
  'server-key-vouched': { code: 'server-key-vouched' },
  'server-key-wrong': { code: 'server-key-wrong', why: STOPPED['server-changed'] },
  certificate: { code: 'certificate', notAfter: AT, days: 1, isPinned: false },
  'line-up': { code: 'line-up' },
  'line-not-up': { code: 'line-not-up' },
  'line-down': { code: 'line-down', why: DOWN.ended },
  'line-stopped': { code: 'line-stopped', why: STOPPED['server-changed'] },
  clock: { code: 'clock', offsetMs: -61_000 },
  'server-not-asked': { code: 'server-not-asked', why: DOWN['no-line'] },
  registered: { code: 'registered', handle: 'alice', devices: 2 },
  'not-listed': { code: 'not-listed', handle: 'alice' },
  'key-packages': { code: 'key-packages', ...KEYS },
  'key-packages-elsewhere': { code: 'key-packages-elsewhere', ...KEYS, atServer: 3 },
  'key-packages-none': { code: 'key-packages-none', atServer: 0, here: 0, hasLastResort: false },
  blocked: { code: 'blocked', handle: 'bob' },
  'key-changed': { code: 'key-changed', handle: 'bob' },
  'not-in-room': { code: 'not-in-room' },
  'no-other-device': { code: 'no-other-device' },
  'from-history': { code: 'from-history' },
  'keys-useless': { code: 'keys-useless' },
  'nobody-reachable': { code: 'nobody-reachable', handle: 'bob' },
  leaving: { code: 'leaving' },
  'state-lost': { code: 'state-lost', isLeaving: false, askedAt: AT },
  agreement: {
    code: 'agreement',
    epoch: 3n,
    accounts: 2,
    devices: 3,
    others: 2,
    unheard: [{ handle: 'bob', last: AT }],
  },
  'commit-stuck': { code: 'commit-stuck' },
  forked: { code: 'forked', handle: 'bob', at: AT, isOver: false },
  gap: { code: 'gap', handle: undefined, count: 2 },
  'gap-for-ever': { code: 'gap-for-ever', handle: 'bob', count: 2 },
  'changes-wait': { code: 'changes-wait', count: 1 },
  'changes-pointless': { code: 'changes-pointless', count: 2 },
  unreadable: { code: 'unreadable', count: 2, why: UNREADABLE['old-epoch'] },
  unsent: { code: 'unsent', count: 1 },
  undelivered: { code: 'undelivered', count: 2 },
  records: { code: 'records', count: 7 },
  'records-damaged': { code: 'records-damaged', count: 7, damaged: [{ table: 'messages', count: 1 }] },
}

export const DEEDS: OneOfEach<Deed> = {
  published: { code: 'published', count: 50 },
  'looked-again': { code: 'looked-again' },
  'asked-to-rejoin': { code: 'asked-to-rejoin' },
  'asked-again': { code: 'asked-again' },
  'stopped-waiting': { code: 'stopped-waiting' },
  'gave-up-conversation': { code: 'gave-up-conversation' },
  'gave-up-commit': { code: 'gave-up-commit' },
  'gave-up-changes': { code: 'gave-up-changes' },
}

export const INVITE: OneOfEach<InviteCause> = {
  'bad-address': { code: 'bad-address' },
  'bad-brackets': { code: 'bad-brackets' },
  'no-host': { code: 'no-host' },
  'bad-host': { code: 'bad-host' },
  'bad-port': { code: 'bad-port', highest: 65_535 },
  'not-a-link': { code: 'not-a-link', scheme: 'parley://' },
  'link-too-long': { code: 'link-too-long' },
  'bad-link': { code: 'bad-link' },
  'no-server-key': { code: 'no-server-key' },
  repeated: { code: 'repeated', parameter: 's' },
  'bad-server-key': { code: 'bad-server-key' },
  'bad-inviter': { code: 'bad-inviter' },
  'bad-inviter-key': { code: 'bad-inviter-key' },
  'bad-token': { code: 'bad-token' },
}

export const PHRASE: OneOfEach<RecoveryPhraseCause> = {
  length: { code: 'length', words: 23 },
  'unknown-word': { code: 'unknown-word', positions: [3, 24] },
  checksum: { code: 'checksum' },
}
