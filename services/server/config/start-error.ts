/** The server cannot start. The message says why and what to do, for the operator to read. */
export class StartError extends Error {
  override name = 'StartError'
}

/** Node's code of an error of the system ("ENOENT"), or its text. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error)
}
