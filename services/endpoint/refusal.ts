/** What a person asked for cannot be done; the message says why. Nothing was changed. */
export class Refusal extends Error {
  override name = 'Refusal'
}
