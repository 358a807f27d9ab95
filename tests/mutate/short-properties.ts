// Runs before each test file of a mutation run, where every mutant pays for a property's thousand examples.

import fc from 'fast-check'

const SHORT_MS = 100

// A property that holds ends after a while; one that fails is not made smaller, because nobody reads it.
fc.configureGlobal({
  interruptAfterTimeLimit: SHORT_MS,
  markInterruptAsFailure: false,
  endOnFailure: true,
})
