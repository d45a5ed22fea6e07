/**
 * `fmc/eslint`: rules for roles and playbooks. In eslint.config.js of a project that has eslint and typescript-eslint:
 *
 *     import fmc from 'fmc/eslint'
 *     export default fmc
 */
import tseslint from 'typescript-eslint'

/** A part of an ESLint configuration, declared without ESLint's types so that a project without ESLint compiles. */
type Config = Readonly<Record<string, unknown>>

const COMMANDS =
  'a role runs in the plan, the apply and the verify pass: use $ to change a host, probe to read it'

/**
 * Finds a resource without `await` (fmc would not wait for it, and would not see it fail), a promise taken for its answer
 * (`if (probe(…))`), and programs that a role would start on this machine.
 */
const config: readonly Config[] = [
  { ignores: ['node_modules/'] },
  {
    files: ['roles/**/*.ts', 'playbooks/**/*.ts', 'test/**/*.ts'],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
    },
  },
  {
    files: ['roles/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: ['child_process', 'node:child_process'].map(name => ({ name, message: COMMANDS })),
        },
      ],
    },
  },
  {
    files: ['**/*.test.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: ['test', 'it', 'describe', 'suite'].map(name => ({
            from: 'package',
            package: 'node:test',
            name,
          })),
        },
      ],
    },
  },
]

export default config
