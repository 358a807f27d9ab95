// Finds sentences for people in sources, by the compiler's own syntax trees.
//
// Two words in a row are a sentence. None for people are:
// - what `new Error`, `RangeError`, `TypeError` or the MLS library's `CryptoError` is made with: a defect, told to those
//   who mend it;
// - statements of SQL, and labels of key derivations ("parley ..."), which no person ever sees;
// - rows of tables: `help` of commands and options, `meaning` of exit codes, from which /help and --help are made. They
//   stand beside what they explain.

import {
  isCallOrNewExpression,
  isIdentifier,
  isLiteralTypeNode,
  isNoSubstitutionTemplateLiteral,
  isPropertyAssignment,
  isStringLiteral,
  isTemplateExpression,
  type Node,
  type SourceFile,
} from 'typescript/unstable/ast'
import { API } from 'typescript/unstable/sync'

interface Found {
  file: string
  /** From 1. */
  line: number
  /** With "…" in place of what is put in. */
  text: string
}

const SENTENCE = /\p{L}{2,}[,;:]? \p{L}{2,}/u
const DEFECTS: ReadonlySet<string> = new Set(['Error', 'RangeError', 'TypeError', 'CryptoError'])
const SQL = /^\s*(…;\s*)?(SELECT|INSERT|DELETE|CREATE|PRAGMA|BEGIN)\b/
const LABEL = /^parley [a-z0-9 ]+…?$/
const ROWS: ReadonlySet<string> = new Set(['help', 'meaning'])

/** A name of the client's that nothing below it may know: a slash command, a flag, an environment variable. */
const INTERFACE = /(^|[\s("])\/[a-z-]+(?![\w./-])|(^|[\s("])--[a-z]|\bPARLEY_[A-Z]/

/** All sentences in the files of the project that are wanted. */
export const sentencesIn = (project: string, wanted: (file: string) => boolean): Found[] =>
  textsIn(project, wanted, (node, text) => SENTENCE.test(text) && !isExempt(node, text))

/** All texts that name what only a client has. */
export const namesOfClient = (project: string, wanted: (file: string) => boolean): Found[] =>
  textsIn(project, wanted, (_, text) => INTERFACE.test(text))

function textsIn(
  project: string,
  wanted: (file: string) => boolean,
  isFound: (node: Node, text: string) => boolean,
): Found[] {
  const api = new API()
  const snapshot = api.updateSnapshot({ openProject: project })
  try {
    const { program } = snapshot.getProject(project)!
    return program
      .getSourceFileNames()
      .filter(wanted)
      .flatMap(file => {
        const source = program.getSourceFile(file)!
        return texts(source)
          .filter(({ node, text }) => isFound(node, text))
          .map(({ node, text }) => ({ file, line: lineOf(source, node), text }))
      })
  } finally {
    snapshot.dispose()
    api.close()
  }
}

function texts(root: Node): { node: Node; text: string }[] {
  const found: { node: Node; text: string }[] = []
  const visit = (node: Node): undefined => {
    if (isLiteralTypeNode(node)) return
    if (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node)) found.push({ node, text: node.text })
    if (isTemplateExpression(node)) {
      const rest = node.templateSpans.map(({ literal }) => `…${literal.text}`)
      found.push({ node, text: [node.head.text, ...rest].join('') })
    }
    node.forEachChild(visit)
  }
  visit(root)
  return found
}

function isExempt(node: Node, text: string): boolean {
  const { parent } = node
  if (SQL.test(text) || LABEL.test(text)) return true
  if (isPropertyAssignment(parent) && isIdentifier(parent.name)) return ROWS.has(parent.name.text)
  return (
    isCallOrNewExpression(parent) && isIdentifier(parent.expression) && DEFECTS.has(parent.expression.text)
  )
}

const lineOf = ({ text }: SourceFile, node: Node): number => text.slice(0, node.getStart()).split('\n').length
