import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { UsageError } from '../../../lib/errors.ts'
import { convert } from '../../../lib/import/convert.ts'
import { expandHosts } from '../../../lib/import/host-pattern.ts'
import { parseIni, shellWords } from '../../../lib/import/ini.ts'
import { Kept, type AnsibleInventory } from '../../../lib/import/model.ts'
import { pythonLiteral, type Literal } from '../../../lib/import/python.ts'
import { inventoryYaml } from '../../../lib/import/write.ts'
import { parseVars, parseYaml } from '../../../lib/import/yaml.ts'
import { parseSource } from '../../../lib/inventory/source.ts'
import { quoteAll } from '../../../lib/shell/quote.ts'
import { target, unlessRefused, type Target } from '../harness.ts'
import { sound } from '../json.ts'
import { mutants, nasty } from '../text.ts'

/** Must never appear in the output or in a remark. */
const PASSWORD = 'hunter2-S3cret'

const INI = [
  `web1 ansible_host=10.0.0.1 ansible_user=debian
[web]
web1
web[2:4].example.com ansible_port=2222 http_port=80 tags="['a', {'b': 1}]"
[db]
10.0.0.7 db_password='${PASSWORD}' # the database
[all:vars]
ntp = pool.ntp.org
admin_token=${PASSWORD}
[prod:children]
web
db
[prod:vars]
x = {{ y }}
`,
  '[a]\nh1\n[b:children]\na\n[b:vars]\nv=(1, 2)\n',
]
const YAML = [
  `all:
  hosts:
    web1: {ansible_host: 10.0.0.1, ip: 10.0.0.1}
  children:
    web:
      hosts:
        web[1:3]:
        web9: &v
          port: 80
      vars:
        api_key: ${PASSWORD}
        list: [a, {b: c}, yes, 1e3, 2001-01-01]
    db:
      hosts: {n1: {<<: *v}}
      vars: {secret: !vault "$ANSIBLE_VAULT;1.1;AES256\\n6162", raw: !unsafe "{{ x }}"}
`,
  'all: {children: {a: {children: {b: {hosts: {x: null}}}}}}\n',
]

/** What Ansible's inventory became can be read again, and no password is in it or in a remark. */
const converted = (read: () => AnsibleInventory, original: string): void => {
  const done = unlessRefused([UsageError], () => {
    const inventory = read()
    return convert(inventory, { os: 'debian 12', playGroups: ['k3s_servers', 'web'] })
  })
  if (done === undefined) return
  const { raw, remarks, secrets } = done
  const text = inventoryYaml(raw, 'Imported')
  const again = parseSource(text, 'inventory.yaml')
  deepStrictEqual(
    again.problems.map(p => p.message),
    [],
    `what was written is no inventory:\n${text}`,
  )
  deepStrictEqual(parseSource(inventoryYaml(raw, 'Imported'), 'inventory.yaml').data, again.data)
  for (const { file, line, why } of remarks)
    ok(file === 'hosts' && line >= 1 && line <= original.split('\n').length + 1 && why !== '')
  ok(
    secrets.every(s => /^[\w.-]+$/.test(s)),
    `a name for a secret: ${secrets.join(' ')}`,
  )
}

/** Of the samples as they are nothing secret is shown. */
const hidesPasswords = (read: () => AnsibleInventory): void => {
  const { raw, remarks } = convert(read())
  ok(
    !`${inventoryYaml(raw, '')}${JSON.stringify(remarks)}`.includes(PASSWORD),
    'a password is shown',
  )
}

const iniHolds = (text: string): void => {
  converted(() => parseIni(text, 'hosts'), text)
  if (INI.includes(text)) hidesPasswords(() => parseIni(text, 'hosts'))
}
const ini = target('import/ini', mutants(INI), iniHolds, {
  guided: { seeds: INI, holds: iniHolds },
  examples: ['h1 x="a\0b"\n', '[all:vars]\nx=a\0b\n', 'h1\n\0\n'],
  weight: 0.1,
})

const yamlHolds = (text: string): void => {
  converted(() => parseYaml(text, 'hosts'), text)
  unlessRefused([UsageError], () => parseVars(text, 'hosts'))
  if (YAML.includes(text)) hidesPasswords(() => parseYaml(text, 'hosts'))
}
const yaml = target('import/yaml', mutants(YAML), yamlHolds, {
  guided: { seeds: YAML, holds: yamlHolds },
  examples: [
    'all: {vars: {x: "a\\0b"}}\n',
    'all:\n  vars: &v\n    <<: *v\n',
    'all:\n  vars:\n    a: &a {<<: [{x: *a}, {x: 1}]}\n',
    'all: {vars: {x: !!__proto__ y, z: !!constructor w}}\n',
    'a: {vars: {api_key: x1}}\na b: {vars: {api_key: x2}}\n"c:é": {vars: {api_key: x3}}\n',
  ],
  weight: 0.1,
})

const literal: fc.Arbitrary<Literal> = fc.letrec<{ value: Literal }>(tie => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    nasty(2),
    fc.integer(),
    fc.constantFrom(true, false, null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b c', "it's", '__proto__'), tie('value'), {
      maxKeys: 2,
      noNullPrototype: true,
    }),
  ),
})).value

/** As Python's repr() writes it. */
function repr(value: Literal): string {
  if (value instanceof Kept) return value.text
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string')
    return `'${value.replace(/[\\'\n\r\0-\x1f\x7f-\xff]/g, c => (c === '\\' || c === "'" ? `\\${c}` : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`))}'`
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`
  return `{${Object.entries(value)
    .map(([k, v]) => `${repr(k)}: ${repr(v)}`)
    .join(', ')}}`
}

const python = target('import/python-repr', literal, value => {
  const read = pythonLiteral(repr(value))
  deepStrictEqual(read, value)
})

const LITERALS = [
  "{'a': [1, 2.5, None], \"b\": (True,), 'c': {1, 2}}",
  "u'x' 'y'",
  '0x1F',
  '-1_000e3',
  "'''a\nb'''",
  '[1, # c\n 2]',
]
const anyLiteral = (text: string): void => {
  const value = unlessRefused([UsageError], () => pythonLiteral(text))
  // Python, too, reads 1e999 as infinity; a later remark says that it cannot be converted.
  sound(JSON.parse(JSON.stringify(value ?? null)) as Literal)
}
const pythons = target('import/python', mutants(LITERALS), anyLiteral, {
  guided: { seeds: LITERALS, holds: anyLiteral },
})

const NAMES = ['web[1:3].example.com:2222', '[::1]:22', 'fe80::1', 'a_b-c.d', 'n[a:c][01:03]']
const aHost = (text: string): void => {
  const found = unlessRefused([UsageError], () => expandHosts(text, { file: 'f', line: 1 }))
  for (const name of found?.names ?? []) ok(name !== '' && !/[=[]/.test(name), `a host ${name}`)
  ok(found?.port === undefined || found.port >= 0)
}
const hosts = target('import/host-pattern', mutants(NAMES), aHost, {
  guided: { seeds: NAMES, holds: aHost },
})

const words = target('import/shell-words', fc.array(nasty(3), { maxLength: 4 }), all => {
  const here = { file: 'f', line: 1 }
  const clean = all.map(w => w.replaceAll('\0', ''))
  // Quoted as a shell wants it, words come back as they were.
  const some = clean.filter(w => w !== '')
  deepStrictEqual(shellWords(quoteAll(some), here), some)
  unlessRefused([UsageError], () => shellWords(all.join(' '), here))
})

export const imports: readonly Target[] = [ini, yaml, python, pythons, hosts, words]
