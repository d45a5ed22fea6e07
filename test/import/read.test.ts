import { join } from 'node:path'
import t from 'tap'
import type { UsageError } from '../../lib/errors.ts'
import { readAnsible } from '../../lib/import/read.ts'
import { files } from './helpers.ts'

const hostsIn = (t: Parameters<typeof files>[0], name: string, text: string) => [
  ...readAnsible(files(t, { [name]: text })).hosts.keys(),
]

void t.test('the format is known by the name or the first line', t => {
  for (const [name, text] of [
    ['a.ini', '[web]\nweb1'],
    ['a.yml', 'web: { hosts: { web1: } }'],
    ['a.json', '{"web": {"hosts": {"web1": {}}}}'],
    ['hosts', '# a comment\n\n[web]\nweb1'],
    ['hosts', 'web1 ansible_port=22'],
    ['hosts', '---\nweb:\n  hosts:\n    web1:\n'],
    ['hosts', '# a comment\nweb:\n  hosts:\n    web1:\n'],
  ] as const)
    t.same(hostsIn(t, name, text), ['web1'], text)
  t.end()
})

void t.test('a file that is not an inventory is an error that says what it is', t => {
  for (const [name, text, message, hint] of [
    [
      'run.py',
      '#!/usr/bin/python3\n',
      /is a program/,
      /ansible-inventory -i .* --list --export --yaml/,
    ],
    [
      'aws.yml',
      'plugin: amazon.aws.aws_ec2\n',
      /configures an inventory plugin/,
      /--list --export --yaml/,
    ],
    ['hosts', '$ANSIBLE_VAULT;1.1;AES256\n61', /encrypted by ansible-vault/, /ansible-vault view/],
    ['a.yml', 'web: [', /a\.yml:1: bad YAML/, undefined],
    ['a.yml', '- web1', /a\.yml:1: groups: expected a map\. A list is a playbook/, undefined],
    ['a.yml', 'web: { hosts: [web1] }', /a\.yml:1: hosts of web: expected a map/, undefined],
    ['a.yml', 'web: { hosts: { 10.5: } }', /a\.yml:1: a host is named by a text/, undefined],
    ['a.yml', '1: { hosts: { web1: } }', /a\.yml:1: a group is named by a text/, undefined],
    ['a.toml', '[web]', /is TOML/, /--list --export --yaml/],
    ['hosts.ini', '[web]\n', /hosts\.ini has no hosts/, /ansible-inventory -i .* --list/],
    ['empty.yml', '', /empty\.yml has no hosts/, undefined],
  ] as const)
    t.throws(() => hostsIn(t, name, text), { name: 'UsageError', message, ...(hint && { hint }) })
  // A plugin such as constructed builds on the other files: Ansible has to read the whole directory.
  const tree = files(t, { 'inv/hosts.ini': 'a', 'inv/z.yml': 'plugin: constructed\n' })
  const dir = join(tree, '..')
  t.throws(() => readAnsible(dir), {
    message: /z\.yml: this configures an inventory plugin/,
    hint: `ansible-inventory -i ${dir} --list`,
  })
  const file = files(t, { 'inv/hosts.ini': 'a', 'inv/group_vars/all.yml': '' })
  t.throws(() => readAnsible(`${file}x`), { message: /there is no file/ })
  t.end()
})

void t.test('the command of a hint does not empty the file that it reads', t => {
  for (const name of ['hosts.ini', 'hosts.yaml', 'decrypted.ini', 'from-ansible.yaml'])
    for (const text of ['$ANSIBLE_VAULT;1.1;AES256\n61', '#!/bin/sh\n'])
      try {
        hostsIn(t, name, text)
        t.fail('no error')
      } catch (error) {
        const [, output] = /> ?(\S+)/.exec((error as UsageError).hint ?? '') ?? []
        t.ok(output)
        t.not(output, name)
      }
  t.end()
})

void t.test('a circle of groups', async t => {
  const { convert } = await import('../../lib/import/convert.ts')
  const file = files(t, { 'hosts.ini': 'h\n[a:children]\nb\n[b:children]\na\n' })
  t.throws(() => convert(readAnsible(file)), { message: /a → b → a|b → a → b/ })
})
