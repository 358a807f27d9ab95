/** Why an own text is not sent. */
export type SendFailure =
  | 'too-large'
  /** The server finds that it breaks a rule. */
  | 'malformed'
  /** This account is not in the room any more. */
  | 'not-in-room'
  /** A copy of the vault was put back: it may have been sent or not. */
  | 'uncertain'
