/**
 * The keys that a person was shown of those whose key has changed: they decide on what they have seen, and not on what
 * came after it.
 */
export class ShownKeys {
  /** Fingerprints, by name. */
  readonly #shown = new Map<string, string>()

  /** A changed key is told of. One that comes after another was shown is not taken for that. */
  told(name: string, fingerprint: string): void {
    if (!this.#shown.has(name)) this.#shown.set(name, fingerprint)
  }

  /** The person looks at this key, to compare it. */
  compared(name: string, fingerprint: string): void {
    this.#shown.set(name, fingerprint)
  }

  of(name: string): string | undefined {
    return this.#shown.get(name)
  }

  /** It is decided on. */
  forget(name: string): void {
    this.#shown.delete(name)
  }
}
