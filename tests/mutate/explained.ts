// Mutants that no test finds, and why that is right. Each is known by its text, not by its line.

export interface Explained {
  /** The end of the path. */
  file: string
  original: string
  replacement: string
  why: string
}

export const EXPLAINED: readonly Explained[] = [
  {
    file: 'server/store/facts.ts',
    original: 'joined.length === 0 && left.length === 0',
    replacement: 'false',
    why: 'It saves the copies of two maps; the result is the same.',
  },
  {
    file: 'server/store/facts.ts',
    original: '[]',
    replacement: '["Stryker was here"]',
    why: 'A device that leaves has a span: the rules accept the removal of members only.',
  },
  {
    file: 'server/store/commit-rules.ts',
    original: '[]',
    replacement: '["Stryker was here"]',
    why: 'An id that no device has is left out.',
  },
  {
    file: 'server/store/log-record.ts',
    original: "record.body.case !== 'commit'",
    replacement: 'true',
    why: 'Made into the message of a delivered commit, a bundle keeps only the fields that this one has.',
  },
  {
    file: 'server/store/log-record.ts',
    original: "'commit'",
    replacement: '""',
    why: 'Made into the message of a delivered commit, a bundle keeps only the fields that this one has.',
  },
]
