import { describe, expect, test } from '@jest/globals'
import { ContentSchema } from '../../../../../gen/parley/content/v1/content_pb.js'
import type { ContentCase } from '../../../../../services/endpoint/messages/content/content-type.js'
import { traitsOf } from '../../../../../services/endpoint/messages/content/registry.js'

/** Of the contract: every type of content that there is. */
const types = ContentSchema.oneofs.find(({ name }) => name === 'body')!.fields.map(field => field.localName)

describe('the registry', () => {
  test('has every type of content that the contract has', () => {
    expect(types).toContain('text')
    for (const type of types) expect([type, traitsOf(type as ContentCase)]).not.toEqual([type, undefined])
  })

  test('knows nothing of a type that a newer version has sent', () => {
    expect(traitsOf(undefined)).toBeUndefined()
  })

  // Somebody who is blocked may go, and may say what keeps a group whole; the rest goes unheard.
  test('says which types owe no receipt, and which are taken from somebody who is blocked', () => {
    const which = (is: (type: ContentCase) => boolean | undefined) =>
      types.filter(type => is(type as ContentCase)).sort()
    expect(which(type => traitsOf(type)?.owesReceipt === false)).toEqual(['receipt'])
    expect(which(type => traitsOf(type)?.fromBlocked)).toEqual([
      'leave',
      'nothingToResend',
      'receipt',
      'revoked',
    ])
    expect(which(type => traitsOf(type)?.putBack !== undefined)).toEqual(['leave', 'text'])
  })
})
