/** node scripts/run.js scripts/site/write-reference.ts: the reference pages as JSON on stdout. */
import { referencePages } from './reference.ts'

process.stdout.write(JSON.stringify(await referencePages()))
