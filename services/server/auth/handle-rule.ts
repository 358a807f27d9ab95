/** A person reads this when the server does not take a handle. */
export const HANDLE_RULE =
  "A handle has 1 to 32 characters out of a-z, 0-9, '-', '_' and '.', and begins with a letter or a digit."
