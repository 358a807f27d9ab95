// One of each code, so that a test that goes through them forgets none: one that is missing does not compile.

import type { SystemMessage } from '../../services/endpoint/codes/system-message.js'
import type { Unreadable } from '../../services/endpoint/codes/unreadable.js'

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
  'against-rules': { code: 'against-rules', from: 'bob' },
  expired: { code: 'expired', count: 2n },
  gap: { code: 'gap', from: 'bob', count: 1n },
  forked: { code: 'forked', from: 'bob' },
  newer: { code: 'newer' },
}
