// The module that a worker imports in place of the check of real device certificates.

export { validateByName as validateCredential } from './people.js'
