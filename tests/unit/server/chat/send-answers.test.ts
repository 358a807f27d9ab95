import { describe, expect, test } from '@jest/globals'
import { SendAnswers } from '../../../../services/server/chat/send-answers.js'
import type { Place } from '../../../../services/server/store/store.js'

describe('answers', () => {
  const kinds = (answers: SendAnswers, isDelivered: (after: Place) => boolean) => {
    const said: string[] = []
    for (let next = answers.next(isDelivered); next; next = answers.next(isDelivered)) {
      const { frame } = next
      if (frame.case === 'accepted') said.push(`accepted ${frame.value.clientSequence}`)
      if (frame.case === 'rejected')
        said.push(`rejected ${frame.value.sends.map(({ clientSequence }) => clientSequence)}`)
    }
    return said
  }

  test('join what may be joined and keep the order of the rest', () => {
    const answers = new SendAnswers()
    for (const number of [1n, 2n, 3n]) answers.accept(number)
    for (const number of [4n, 5n]) answers.reject({ clientSequence: number })
    for (const number of [4n, 2n]) answers.accept(number)
    expect(answers.size()).toBe(4)
    expect(kinds(answers, () => true)).toEqual(['accepted 3', 'rejected 4,5', 'accepted 4'])
  })

  test('wait behind one that must come after what won', () => {
    const answers = new SendAnswers()
    answers.accept(1n)
    answers.reject({ clientSequence: 2n }, 7)
    answers.accept(2n)
    expect(kinds(answers, () => false)).toEqual(['accepted 1'])
    expect(kinds(answers, after => after === 7)).toEqual(['rejected 2', 'accepted 2'])
  })
})
