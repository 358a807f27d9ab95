// Mutants that no test finds, and why that is right. Each is known by its text, not by its line.

export interface Explained {
  /** The end of the path. */
  file: string
  original: string
  replacement: string
  why: string
}

export const EXPLAINED: readonly Explained[] = []
