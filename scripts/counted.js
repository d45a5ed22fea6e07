// Adds a counter to every function and branch of a module, for coverage-guided fuzzing: globalThis.__hits[n]++.
// Jazzer.js does the same, but its binary needs a newer C library than Debian 12 has.
import ts from 'typescript'

const { SyntaxKind } = ts
const LAZY = [
  SyntaxKind.AmpersandAmpersandToken,
  SyntaxKind.BarBarToken,
  SyntaxKind.QuestionQuestionToken,
]

/** The longest strings, in characters, that are tried as parts of an input. */
const WORD = 40

globalThis.__hits = new Uint8Array(1 << 16)
/** How many of them are in use. */
globalThis.__counters = 0
/** Strings in the modules' text: what they compare inputs with. */
globalThis.__words = new Set()

export function counted(text, path) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  const { transformed } = ts.transform(source, [
    context => file => {
      const f = context.factory
      const hit = () =>
        f.createPostfixIncrement(
          f.createElementAccessExpression(
            f.createIdentifier('__hits'),
            f.createNumericLiteral(globalThis.__counters++ & 0xffff),
          ),
        )
      const both = e => f.createParenthesizedExpression(f.createComma(hit(), e))
      const block = s =>
        f.createBlock(
          [f.createExpressionStatement(hit()), ...(ts.isBlock(s) ? s.statements : [s])],
          true,
        )
      const visit = old => {
        if (ts.isTypeNode(old) || ts.isImportDeclaration(old)) return old
        if (ts.isStringLiteral(old) && old.text.length <= WORD) globalThis.__words.add(old.text)
        const node = ts.visitEachChild(old, visit, context)
        if (ts.isIfStatement(node))
          return f.updateIfStatement(
            node,
            node.expression,
            block(node.thenStatement),
            block(node.elseStatement ?? f.createEmptyStatement()),
          )
        if (ts.isConditionalExpression(node))
          return f.updateConditionalExpression(
            node,
            node.condition,
            node.questionToken,
            both(node.whenTrue),
            node.colonToken,
            both(node.whenFalse),
          )
        if (ts.isBinaryExpression(node) && LAZY.includes(node.operatorToken.kind))
          return f.updateBinaryExpression(node, node.left, node.operatorToken, both(node.right))
        if (ts.isArrowFunction(node) && !ts.isBlock(node.body))
          return f.updateArrowFunction(
            node,
            node.modifiers,
            node.typeParameters,
            node.parameters,
            node.type,
            node.equalsGreaterThanToken,
            both(node.body),
          )
        if (ts.isIterationStatement(node, false) && node.statement !== undefined)
          return Object.assign(node, { statement: block(node.statement) })
        if (ts.isCaseClause(node))
          return f.updateCaseClause(node, node.expression, [
            f.createExpressionStatement(hit()),
            ...node.statements,
          ])
        return node
      }
      return ts.visitEachChild(file, visit, context)
    },
  ])
  return ts.createPrinter().printFile(transformed[0])
}
