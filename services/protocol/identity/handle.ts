/** What a person reads when a handle is refused. */
export const HANDLE_RULE =
  "A handle has 1 to 32 characters out of a-z, 0-9, '-', '_' and '.', and begins with a letter or a digit."

const HANDLE = /^[a-z0-9][a-z0-9._-]{0,31}$/

/** Whether the text is a handle as proto/parley/v1/identity.proto has it. */
export function isHandle(text: string): boolean {
  return HANDLE.test(text)
}
