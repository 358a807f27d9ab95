// Finds sentences in comments that begin with who, whoever, whom, whose, what, whatever or has: nobody acts in them.

const OPENING = /(?:^|[.!?] )((?:Who|Whoever|Whom|Whomever|Whose|What|Whatever|Has)\b[^.]*)/g

/** The text of each comment: lines that follow each other are one, as a sentence runs over their ends. */
function commentsIn(source: string): string[] {
  const comments: string[] = []
  let lines: string[] = []
  const end = () => {
    const text = lines.join(' ').replace(/\s+/g, ' ').trim()
    if (text) comments.push(text)
    lines = []
  }
  let inBlock = false
  for (const line of source.split('\n')) {
    const [, before = '', opening, text = ''] = /^((?:.*[\s;,{(])?)(\/\/+|\/\*+)(.*)$/.exec(line) ?? []
    if (!inBlock && (opening === undefined || before.trim() !== '' || opening !== '//')) end()
    if (inBlock) lines.push(line.replace(/^\s*\*+(?!\/)/, '').replace(/\*+\/.*$/, ''))
    else if (opening !== undefined) lines.push(text.replace(/\*+\/.*$/, ''))
    inBlock = (inBlock || opening?.startsWith('/*') === true) && !line.includes('*/')
  }
  end()
  return comments
}

/** The sentences of a source's comments that begin so. */
export const withoutSubject = (source: string): string[] =>
  commentsIn(source).flatMap(text => [...text.matchAll(OPENING)].map(([, sentence = '']) => sentence))
