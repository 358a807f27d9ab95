import { describe, expect, test } from '@jest/globals'
import { ContentSchema } from '../../../../../gen/parley/content/v1/content_pb.js'
import { MessageKind, MessageKindSchema } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { isWritten } from '../../../../../services/endpoint/history/entry.js'
import type { ContentCase } from '../../../../../services/endpoint/messages/content/content-type.js'
import { LINE_TYPES, traitsOf } from '../../../../../services/endpoint/messages/content/registry.js'

/** Of the contract: every type of content that there is. */
const types = ContentSchema.oneofs.find(({ name }) => name === 'body')!.fields.map(field => field.localName)
const which = (is: (type: ContentCase) => boolean | undefined) =>
  types.filter(type => is(type as ContentCase)).sort()

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
    expect(which(type => traitsOf(type)?.owesReceipt === false)).toEqual(['receipt'])
    expect(which(type => traitsOf(type)?.fromBlocked)).toEqual(['leave', 'nothingToResend', 'receipt'])
  })

  test('says which types wait again where the server did not take them: lines, and what else is still to be said', () => {
    expect(which(type => traitsOf(type)?.line !== undefined)).toEqual(['text'])
    expect(which(type => traitsOf(type)?.putBack !== undefined)).toEqual(['leave'])
  })

  test('says which lines are said again, and which are handed over', () => {
    expect(which(type => traitsOf(type)?.line?.saidAgain)).toEqual(['text'])
    expect(which(type => traitsOf(type)?.line?.handedOver !== undefined)).toEqual(['text'])
  })

  test('has one type for each kind of line that is written, and none for those that nobody wrote', () => {
    const kinds = MessageKindSchema.values.map(({ number }) => number as MessageKind)
    const written = kinds.filter(kind => LINE_TYPES.of({ kind }) !== undefined)
    expect(written).toEqual(kinds.filter(kind => kind !== MessageKind.UNSPECIFIED && isWritten({ kind })))
    const ofTypes = types.flatMap(type => traitsOf(type as ContentCase)?.line?.kind ?? [])
    expect(ofTypes.sort()).toEqual(written)
  })
})
