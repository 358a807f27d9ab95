import { expect, test } from '@jest/globals'
import { calledAs } from '../../../services/launch/called-as.js'
import { isOlder } from '../../../services/launch/launch.js'

test.each([
  ['20.20.2', true],
  ['24.6.9', true],
  ['24.7.0', false],
  ['24.21.0', false],
  ['24.7', false],
  ['24', true],
  ['26.0.0', false],
])('Node %s is older than 24.7: %s', (version, older) => {
  expect(isOlder(version, '24.7')).toBe(older)
})

test('a program is called by its name where it is installed, and by the script of npm in its sources', () => {
  const [before] = process.argv.slice(1, 2)
  try {
    process.argv[1] = '/somewhere/node_modules/.bin/parley'
    expect(calledAs('parley', 'npm run client --')).toBe('parley')
    process.argv[1] = '/somewhere/dist/services/client/main.js'
    expect(calledAs('parley', 'npm run client --')).toBe('npm run client --')
  } finally {
    process.argv[1] = before!
  }
})
