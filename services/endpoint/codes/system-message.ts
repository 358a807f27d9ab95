/** A line of the history that nobody wrote, by its code. `Person`: accounts by their keys inside, by their names at the view. */
export type SystemMessage<Person = string> =
  | { code: 'members-added' | 'members-removed'; by: Person; who: Person[] }
  | { code: 'members-left'; who: Person[] }
  /** `device-rejoins`: it has lost the state, and is removed and added. */
  | { code: 'device-added' | 'device-rejoins'; who: Person }
  | { code: 'own-device-added' }
  /** This device has come into a room. `topic`: '' where it has none. */
  | { code: 'joined'; others: Person[]; topic: string; historyDays: number }
  | { code: 'you-left' }
  /** Nobody could change it any more: from here on it is carried by another group. */
  | { code: 'went-on' }
  /** They have begun another group in place of one that this device has gone on from, and it cannot follow. */
  | { code: 'not-along'; who: Person }
  /** Before the room went on they have begun groups in its place that this device was not let into. */
  | { code: 'begun-without-you'; who: Person[] }
  | { code: 'you-were-removed'; who: Person }
  | { code: 'room-named'; by: Person; name: string }
  /** `topic`: '' where there is none any more. */
  | { code: 'topic-set'; by: Person; topic: string }
  /** For how many days newcomers are handed the history; 0: not at all. */
  | { code: 'newcomers-decided'; by: Person; days: number }
  | { code: 'admin-made' | 'admin-unmade'; by: Person; who: Person[] }
  /** The last admin has left, and they came first of those who are there. */
  | { code: 'admin-followed'; who: Person[] }
  /** While this device had lost the state. */
  | { code: 'admins-made-meanwhile'; who: Person[] }
  /** Lines of history were handed over: by a device of this account (its name or its fingerprint), or by a member. */
  | { code: 'history-from-device'; lines: number; device: string }
  | { code: 'history-from-member'; lines: number; from: Person }
  /** A newer version has written it, and this one cannot say it. */
  | { code: 'newer' }
