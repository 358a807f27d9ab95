// A module of validateCredential that leaves a byte in the file of its URL's query for each worker that loads it.

import { appendFileSync } from 'node:fs'

appendFileSync(new URL(import.meta.url).searchParams.get('file')!, '.')

export const validateCredential = () => true
