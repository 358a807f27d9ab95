/** 1 to 32 characters, the first a letter or a digit. */
const HANDLE = /^[a-z0-9][a-z0-9._-]{0,31}$/

/** Whether the text is a handle as proto/parley/v1/identity.proto has it. */
export function isHandle(text: string): boolean {
  return HANDLE.test(text)
}
