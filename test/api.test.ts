import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'

const root = join(import.meta.dirname, '..')
const index = join(root, 'lib/index.ts')
const examplesFile = join(root, 'test/api-examples.virtual.ts')

const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), path =>
  ts.sys.readFile(path),
) as {
  readonly config: unknown
}
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)

/** The symbols that lib/index.ts exports, at their definitions. */
const exportsOf = (program: ts.Program): readonly ts.Symbol[] => {
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(index)
  const module = source && checker.getSymbolAtLocation(source)
  if (!module) throw new Error('lib/index.ts exports nothing')
  return checker
    .getExportsOfModule(module)
    .map(s => (s.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(s) : s))
    .filter(s => s.declarations?.every(d => !d.getSourceFile().fileName.includes('node_modules')))
}

const examplesOf = (symbol: ts.Symbol): readonly string[] =>
  symbol
    .getJsDocTags()
    .filter(tag => tag.name === 'example')
    .map(tag => ts.displayPartsToString(tag.text))

/** One module with every example in an async function of its own. */
const moduleOf = (symbols: readonly ts.Symbol[], names: readonly string[]): string => {
  const bodies = symbols.flatMap(symbol =>
    examplesOf(symbol).map(text => `// ${symbol.name}\nexport async () => {\n${text}\n}`),
  )
  return [
    `import { ${names.join(', ')} } from '../lib/index.ts'`,
    ...bodies.map((body, i) => body.replace('export async ', `export const example${i} = async `)),
  ].join('\n')
}

const named = (symbol: ts.Symbol): string =>
  symbol.flags & (ts.SymbolFlags.Value & ~ts.SymbolFlags.None) ? symbol.name : `type ${symbol.name}`

// It compiles the library twice.
t.setTimeout(300_000)

void t.test('every export of lib/index.ts is documented with an example that compiles', t => {
  const program = ts.createProgram([index], { ...options, noEmit: true })
  const symbols = exportsOf(program)
  for (const symbol of symbols) {
    const text = ts.displayPartsToString(symbol.getDocumentationComment(program.getTypeChecker()))
    if (text.length < 20) t.fail(`${symbol.name} has no doc comment`)
    if (examplesOf(symbol).length === 0) t.fail(`${symbol.name} has no example`)
  }
  const text = moduleOf(symbols, [...symbols.map(named), 'z'])
  const host = ts.createCompilerHost(options)
  const own = host.getSourceFile.bind(host)
  host.getSourceFile = (file, version) =>
    file === examplesFile ? ts.createSourceFile(file, text, version) : own(file, version)
  const exists = host.fileExists.bind(host)
  host.fileExists = file => file === examplesFile || exists(file)
  const unused = { noUnusedLocals: false, noUnusedParameters: false }
  const checked = ts.createProgram(
    [examplesFile],
    { ...options, ...unused, noEmit: true },
    host,
    program,
  )
  const source = checked.getSourceFile(examplesFile)
  for (const { start = 0, messageText } of checked.getSemanticDiagnostics(source)) {
    const before = text.slice(0, start)
    const name = [...before.matchAll(/^\/\/ (\S+)$/gm)].at(-1)?.[1] ?? ''
    const line = text.split('\n')[before.split('\n').length - 1] ?? ''
    t.fail(`example of ${name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}: ${line}`)
  }
  for (const { messageText } of checked.getSyntacticDiagnostics(source))
    t.fail(ts.flattenDiagnosticMessageText(messageText, ' '))
  t.pass(`${symbols.length} exports`)
  t.end()
})

void t.test('lib/index.ts lists every export under a heading', t => {
  const text = readFileSync(index, 'utf8')
  for (const heading of ['Define', 'Resources', 'Asking', 'Hosts', 'Networks', 'Secrets'])
    t.match(text, new RegExp(`^// ${heading}\\b`, 'm'))
  t.end()
})
