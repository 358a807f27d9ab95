import { calledAs } from '../launch/called-as.js'

/** How a person calls this program. */
export const PROGRAM = calledAs('parley', 'npm run client --')
