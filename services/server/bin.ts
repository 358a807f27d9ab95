#!/usr/bin/env node
// `parley-server`.

import { launch } from '../launch/launch.js'

await launch(() => import('./main.js'))
