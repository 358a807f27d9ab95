// Runs before each test file of a mutation run, where every mutant pays for a property's thousand examples.

import fc from 'fast-check'

/** Of the processor's time: what else runs on the machine takes no examples away. */
const SHORT_US = 100_000

const usedUs = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}

// A property that holds ends after a while, with one example at least: none at all would count as a failure.
fc.installGlobalPlugin(() => {
  const end = usedUs() + SHORT_US
  let isFirst = true
  return {
    decorateRun: run => value => {
      if (!isFirst && usedUs() > end) return new fc.PreconditionFailure(true)
      isFirst = false
      return run(value)
    },
  }
})
// One that fails is not made smaller, because nobody reads it.
fc.configureGlobal({ endOnFailure: true })
