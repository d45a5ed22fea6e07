// Lets Node 20 import the checkout's TypeScript: node --import=./scripts/load-ts.js. tap's own loader compiles every
// file again in every test process, which costs most test files more than their tests do.
import { register } from 'node:module'

register('./load-ts-hooks.js', import.meta.url)
