#!/usr/bin/env node
// `parley`.

import { launch } from '../launch/launch.js'

await launch(() => import('./main.js'))
