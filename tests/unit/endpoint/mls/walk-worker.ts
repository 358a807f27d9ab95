// One walk in a thread of its own: inside of jest's module loader every use of a global costs extra,
// and the walks take half as long again.

import { workerData } from 'node:worker_threads'
import { engineFor } from './people.js'
import { walk } from './walk.js'

const { seed, suite, commits } = workerData
await walk(await engineFor({ suite }), seed, commits)
