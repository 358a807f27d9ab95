/** The server cannot start. The message says why and what to do, for the operator to read. */
export class StartError extends Error {
  override name = 'StartError'
}
