// Calls over gRPC and TLS.

import { callsSuite } from '../../support/calls-suite.js'
import { start } from './support.js'

callsSuite(start)
