import { XWING_SUITE } from './people.js'
import { testWalks } from './walks.js'

testWalks(XWING_SUITE, 1)
