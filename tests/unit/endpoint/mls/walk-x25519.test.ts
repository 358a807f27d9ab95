import { FAST_SUITE } from './people.js'
import { testWalks } from './walks.js'

testWalks(FAST_SUITE, 101)
