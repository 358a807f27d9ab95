/** A line of the history that nobody wrote, by its code. Those who are named are handles. */
export type SystemMessage =
  | { code: 'members-added' | 'members-removed'; by: string; who: string[] }
  | { code: 'members-left'; who: string[] }
  /** `device-rejoins`: it has lost the state, and is removed and added. */
  | { code: 'device-added' | 'device-rejoins'; who: string }
  | { code: 'own-device-added' }
  /** This device has come into a room. `topic`: '' where it has none. */
  | { code: 'joined'; others: string[]; topic: string; historyDays: number }
  | { code: 'you-left' }
  | { code: 'you-were-removed'; who: string }
  | { code: 'room-named'; by: string; name: string }
  /** `topic`: '' where there is none any more. */
  | { code: 'topic-set'; by: string; topic: string }
  /** For how many days newcomers are handed the history; 0: not at all. */
  | { code: 'newcomers-decided'; by: string; days: number }
  | { code: 'admin-made' | 'admin-unmade'; by: string; who: string[] }
  /** While this device had lost the state. */
  | { code: 'admins-made-meanwhile'; who: string[] }
  /** Lines of history were handed over: by a device of this account (its name or its fingerprint), or by a member. */
  | { code: 'history-from-device'; lines: number; device: string }
  | { code: 'history-from-member'; lines: number; from: string }
  /** A newer version has written it, and this one cannot say it. */
  | { code: 'newer' }
