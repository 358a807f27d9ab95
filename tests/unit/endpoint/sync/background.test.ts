import { expect, test } from '@jest/globals'
import { LineDown, LineStopped } from '../../../../services/endpoint/codes/line-error.js'
import { Background } from '../../../../services/endpoint/sync/background.js'
import { RpcError } from '../../../../services/rpc/error.js'

test('what fails because of the line is due again by itself, and not told; anything else is', async () => {
  const failures: unknown[] = []
  const background = new Background(error => failures.push(error))
  const defect = new TypeError('a defect')
  for (const error of [
    new RpcError('UNAVAILABLE', 'the line is down'),
    new LineDown({ code: 'no-line', address: '' }),
    new LineStopped({ code: 'revoked' }),
    defect,
  ])
    background.run(Promise.reject(error))
  await background.settled()
  expect(failures).toEqual([defect])
})

test('it is settled when all that runs has ended', async () => {
  const background = new Background(() => undefined)
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  background.run(first.promise)
  background.run(second.promise)
  let isSettled = false
  const settled = background.settled().then(() => {
    isSettled = true
  })
  first.resolve()
  await first.promise
  expect(isSettled).toBe(false)
  second.resolve()
  await settled
})
