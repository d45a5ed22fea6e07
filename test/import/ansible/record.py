#!/usr/bin/env python3
"""Asks ansible-core what thousands of generated scalars and inventories mean, for differential.test.ts.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install ansible-core
    /tmp/venv/bin/python test/import/ansible/record.py                       # answers.json.gz anew
    /tmp/venv/bin/python test/import/ansible/record.py --seed 7 --yaml 100000 --ini 50000 --trees 1000 /tmp/more.json.gz
    FMC_ANSIBLE_ANSWERS=/tmp/more.json.gz node scripts/test.js test/import/differential.test.ts

An answer is null, true, false, a text, or a list that begins with its kind: ["i", digits], ["f", repr], ["l", items],
["m", {key: answer}], ["d", isoformat], ["bytes"], ["set"], ["vault"], ["other"]; ["error"] where Ansible refuses.
"""
import argparse
import datetime
import gzip
import json
import os
import random
import shutil
import sys
import tempfile

os.environ.update(ANSIBLE_INVENTORY_UNPARSED_WARNING='False', ANSIBLE_NOCOLOR='1', ANSIBLE_CONFIG='/nonexistent/ansible.cfg',
                  ANSIBLE_DEPRECATION_WARNINGS='False', ANSIBLE_LOCALHOST_WARNING='False', LC_ALL='C.UTF-8')

from ansible.cli.inventory import InventoryCLI  # noqa: E402
from ansible.inventory.manager import InventoryManager  # noqa: E402
from ansible.parsing.dataloader import DataLoader  # noqa: E402
from ansible.parsing.utils.yaml import from_yaml  # noqa: E402
from ansible.parsing.vault import EncryptedString  # noqa: E402
import ansible.release  # noqa: E402
import yaml  # noqa: E402


def key(k):
    """A key as json.dumps writes it."""
    if isinstance(k, (datetime.date, datetime.datetime)):
        return k.isoformat()
    return k if isinstance(k, str) else json.loads(json.dumps({k: 0}, sort_keys=False).split(':')[0][1:])


def answer(v):
    if v is None or isinstance(v, bool):
        return v
    if isinstance(v, EncryptedString):
        return ['vault']
    if isinstance(v, str):
        return str(v)
    if isinstance(v, int):
        return ['i', str(int(v))]
    if isinstance(v, float):
        return ['f', repr(float(v))]
    if isinstance(v, (datetime.datetime, datetime.date)):
        return ['d', v.isoformat()]
    if isinstance(v, bytes):
        return ['bytes']
    if isinstance(v, (set, frozenset)):
        return ['set']
    if isinstance(v, (list, tuple)):
        return ['l', [answer(x) for x in v]]
    if isinstance(v, dict):
        return ['m', {key(k): answer(x) for k, x in v.items()}]
    return ['other']


# --- scalars -------------------------------------------------------------------------------------------------------

NUMBERS = ['0', '1', '7', '08', '017', '0644', '0o17', '0x1F', '0X1f', '0b101', '0B1', '1_000', '_1', '1_', '1__0', '1.0', '1.10',
           '.5', '5.', '1e3', '1.5e3', '1.5e+3', '1.5E-3', '1.e+3', '1e+3', '12:30', '02:30', '12:30:45', '1:60', '0:30', '190:20:30.15',
           '9007199254740991', '9007199254740992', '9007199254740993', '-1001234567890123456', '12345678901234567890123', '0x1fffffffffffff',
           '0x20000000000001', '1e400', '1.0e+400', '1.0e+20', '1.0e+16', '123456789012345.0', '1234567890123456.0', '12345678901234567.0',
           '0.0001', '0.00001', '0.1', '-0', '-0.0', '+1', '+.5', '-.5', '0891234567', '0049123', '+49123', '1.2.3', '10.0.0.1', '1,000',
           '80,443', '.inf', '-.inf', '.nan', '.NaN', '+.INF', 'inf', 'nan', 'NaN', '0.30', '3.10', '2.0', '100', '1e5', '1j', '1+2j', '-1j',
           '00', '000', '0_7', '0_8', '1_0.0_1', '4.94065645841246544e-324', '1.7976931348623157e+308', '0.1e+1', '22', '443']
WORDS = ['yes', 'Yes', 'YES', 'no', 'No', 'on', 'On', 'OFF', 'off', 'y', 'Y', 'n', 'N', 'true', 'True', 'TRUE', 'tRUE', 'false', 'False',
         'null', 'Null', 'NULL', '~', 'none', 'None', '', 'web', 'C:\\Users\\svc', '/etc/hosts', 'a b', 'a#b', 'a #b', 'a:b', 'a: b', 'a:',
         ':a', '-a', '- a', '?a', '? a', '@a', '`a', '%a', '!a', '&a', '*a', '|', '>', '=', '<<', '{', '}', '[', ']', ',', ',a', '#', '#a',
         "'", '"', "''", '""', "'a'", '"a"', "'it''s'", '"a\\tb"', '"\\x41"', '"\\u00e9"', '"\\q"', "'\\n'", '"\\/"', "'a' b", '"a" b', 'é',
         'ü b', '日本', '\u00a0x', 'x\u00a0', '\u2028', '2026-11-21', '2026-1-2', '2026-13-01', '2026-02-30', '2026-11-21 10:00:00',
         '2026-11-21T10:00:00Z', '2026-11-21t1:00:00.5+02:00', '2026-11-21 10:00:00 -5', '0000-01-01', '{a: 1}', '{a: b, c}', '[a, 1, yes]',
         '[1,2]', '[]', '{}', '{"a": 1}', "{'a': 'b'}", "['a', 'b']", '[a b, c: d]', '[,]', '{,}', '{a}', '{a: , b: ~}', '!!int "3"', '!!str 3',
         '!!float 3', '!!bool yes', '!!null x', '!!binary aGVsbG8=', '!!set {a, b}', '!!timestamp 2026-11-21', '!!int x', '!!foo x', '!foo x',
         '!unsafe 12', '!unsafe "12"', '!unsafe "{{ a }}"', '!vault x', '! 12', '!!int 0x10', '!!float 1e5', '!!str', '!!int 12:30',
         '{{ a }}', '"{{ a }}"', '{% a %}', 'a {{ b }}', "'{{ a }}'", 'set()', '...', "b'x'", "r'a\\b'", "u'x'", "f'x'", "'a' 'b'", '(1, 2)',
         '(1)', '(1,)', '()', '{1, 2}', "{'a'}", "{1: 2, 'b': None}", "[True, False, None]", "'\\Users'", "'C:\\Users\\svc'", "'\\x4'", "'\\u12'",
         "'\\777'", "'\\N{DASH}'", "'''a'''", '"a\\"b"', "'a\\'b'", 'not True', '1 if 2 else 3', 'a=b', 'lambda: 1', "__import__('os')", '1 # c',
         '"a" # c', 'a # c', '#c', '\\', 'a\\', 'a\\ b', '$HOME', '`id`', 'a;b', 'a|b', 'a&b', 'a,b', 'x' * 80, '1' * 40, '[[1], [2]]',
         "[{'a': [1, {'b': ()}]}]", '-', '--', '---', '--- a', '+', '.', '..', '0.', '.0', '-.', '1:', ':1', '1-2', '1+2', '-(1)', '--1',
         "' a '", '" a "', "'#'", '"#"', "'a'#b", 'ssh-ed25519 AAAA', 'a=1 b=2', '1e', '1e+', '0x', '0b', '0o', '0xg', '1L', '1f', '1.0.0',
         'v1.0', '1.0-rc1', '1_000_000', '1 000', '1\t2', "'1'", '"1.0"', "'yes'", '"null"', "'~'"]
ALPHABET = list('0123456789') * 2 + list('abefnoxyEXtrus_.:-+') + list(' \'"#,[]{}()\\/!&*|>%@`=~?$') + ['é', '\t', '\\n', '\\x', '{{', '}}']


def scalar(r):
    how = r.random()
    if how < 0.25:
        return r.choice(NUMBERS)
    if how < 0.45:
        return r.choice(WORDS)
    if how < 0.6:
        s = r.choice(NUMBERS + WORDS)
        at = r.randrange(len(s) + 1)
        return s[:at] + r.choice(ALPHABET) + s[at + r.randrange(2):]
    if how < 0.7:
        return ''.join(r.choice('0123456789_.:eE+-x') for _ in range(r.randrange(1, 9)))
    if how < 0.8:
        return r.choice(['', '-', '+']) + str(r.randrange(10 ** r.randrange(1, 25))) + r.choice(['', '', '.', '.0', '.5', 'e3', 'e+3'])
    if how < 0.9:
        return repr(r.uniform(-1, 1) * 10.0 ** r.randrange(-12, 25))
    return ''.join(r.choice(ALPHABET) for _ in range(r.randrange(1, 12)))


def yaml_document(r):
    s = scalar(r)
    how = r.random()
    if how < 0.6:
        return f'v: {s}\n'
    if how < 0.7:
        return f'v: [{s}, {scalar(r)}]\n'
    if how < 0.78:
        return f'v: {{a: {s}, b: {scalar(r)}}}\n'
    if how < 0.84:
        return f'v:\n  - {s}\n  - {scalar(r)}\n'
    if how < 0.88:
        return f'v: {s}\n  {scalar(r)}\n'
    if how < 0.91:
        return f'v: {r.choice(["|", ">", "|-", ">-", "|+", ">+"])}\n  {s}\n\n   {scalar(r)}\n'
    if how < 0.94:
        return f'v: {json.dumps(s)}\n'
    if how < 0.96:
        return f'v: {{{s}: {scalar(r)}}}\n'
    if how < 0.98:
        return f'a: &x {{k1: {s}, k2: 1}}\nb: &y {{k1: {s}, k3: {scalar(r)}}}\nv: {{<<: [*x, *y], k4: 4}}\n'
    return json.dumps({'v': [r.choice([1.0, 1e20, 12345678901234567890, 0.1, True, None, s, -0.0, 1e-7])]}) + '\n'


def ask_yaml(text):
    try:
        data = from_yaml(text)
        return answer(data['v']) if isinstance(data, dict) and 'v' in data else ['error']
    except Exception:
        return ['error']


def ini_document(r):
    s = scalar(r)
    if '\n' in s:
        s = s.replace('\n', ' ')
    return f'[g]\nh v={s}\n' if r.random() < 0.5 else f'[g]\nh\n[g:vars]\nv={s}\n'


def ask_inventory(text, directory):
    path = os.path.join(directory, 'hosts.ini')
    with open(path, 'w', encoding='utf-8', newline='') as f:
        f.write(text)
    inventory = InventoryManager(loader=DataLoader(), sources=[path])
    host, group = inventory.hosts.get('h'), inventory.groups.get('g')
    if host is None or group is None or not inventory._inventory.processed_sources:
        return ['error']
    both = {**group.vars, **host.vars}
    return answer(both['v']) if 'v' in both else ['error']


# --- trees ---------------------------------------------------------------------------------------------------------

GROUPS = ['alpha', 'beta', 'gamma', 'delta', 'web', 'db_1', 'zeta', 'Eta']
NAMES = ['a', 'b', 'c', 'd', 'e', 'mode', 'size', 'note']
VALUES = ['1', '2', 'yes', 'no', '1.5', 'text', '"07"', '0644', "'it''s'", '[1, two]', '{x: 1}', '{y: [a, 2]}', '~', '12:30', '1.0',
          '9007199254740993', '2026-11-21', '"{{ b }}"', 'a#b']


def tree(r):
    """Files by name, the inventory's path, and the playbook's directory."""
    files = {}
    groups = r.sample(GROUPS, r.randrange(1, 7))
    children = {g: [c for c in groups[i + 1:] if r.random() < 0.3] for i, g in enumerate(groups)}
    hosts = {g: r.sample(['h1', 'h2', 'h3', 'n1.example.com', '10.0.0.7'], r.randrange(0, 4)) for g in groups}
    shape = r.choice(['ini', 'yaml', 'directory', 'ini', 'yaml', 'plain'])
    variables = lambda n: {r.choice(NAMES): r.choice(VALUES) for _ in range(r.randrange(n))}  # noqa: E731

    def ini(part, lines):
        for g in part:
            lines.append(f'[{g}]')
            for h in hosts[g]:
                own = ' '.join(f"{k}={v!r}" if ' ' in v or "'" in v or '"' in v else f'{k}={v}' for k, v in variables(3).items())
                lines.append(f'{h} {own}'.rstrip())
            if r.random() < 0.2:
                lines.append(r.choice(['r[1:3]', 'r[01:03]', 'q[a:c]', 'q[A:B]x', 'r[:1]', 'r[1:5:2]:2222', 'g-', 'ops@10.0.0.9', '_x', 'x.y.']))
            if children[g]:
                lines.append(f'[{g}:children]')
                lines += [c for c in children[g]]
            own = variables(4)
            if r.random() < 0.3:
                own['ansible_group_priority'] = str(r.randrange(0, 20))
            if own:
                lines.append(f'[{g}:vars]')
                lines += [f'{k}{r.choice(["=", " = "])}{v}' for k, v in own.items()]
        if r.random() < 0.3:
            lines += ['[all:vars]'] + [f'{k}={v}' for k, v in variables(4).items()]
        if r.random() < 0.2:
            lines += ['[ungrouped:vars]'] + [f'{k}={v}' for k, v in variables(3).items()]
        return '\n'.join(lines) + '\n'

    def block(own, indent):
        return ''.join(f'{" " * indent}{k}: {v}\n' for k, v in own.items())

    def yaml_text(part, top):
        out = 'all:\n' if top else ''
        pad = ''
        if top:
            own = variables(3)
            if own:
                out += '  vars:\n' + block(own, 4)
            if r.random() < 0.3:
                out += '  hosts:\n    lonely:\n' + block(variables(3), 6)
            out += '  children:\n'
            pad = '    '
        for g in part:
            out += f'{pad}{g}:\n'
            if hosts[g]:
                out += f'{pad}  hosts:\n'
                for h in hosts[g]:
                    out += f'{pad}    {h}:\n' + block(variables(3), len(pad) + 6)
                if r.random() < 0.2:
                    out += f'{pad}    {r.choice(["r[1:3]", "r[08:10]", "q[a:c]", "g-", "ops@10.0.0.9"])}:\n'
            own = variables(4)
            if r.random() < 0.3:
                own['ansible_group_priority'] = str(r.randrange(0, 20))
            if own:
                out += f'{pad}  vars:\n' + block(own, len(pad) + 4)
            if children[g]:
                out += f'{pad}  children:\n' + ''.join(f'{pad}    {c}:\n' for c in children[g])
        return out

    if shape == 'ini':
        inventory, beside = 'inventory/hosts.ini', 'inventory'
        files[inventory] = ini(groups, ['lonely a=1'] if r.random() < 0.3 else [])
    elif shape == 'plain':
        inventory, beside = 'inventory/hosts', 'inventory'
        files[inventory] = ini(groups, ['# comment', 'lonely'] if r.random() < 0.5 else []) if r.random() < 0.7 else yaml_text(groups, True)
    elif shape == 'yaml':
        inventory, beside = 'inventory/hosts.yml', 'inventory'
        files[inventory] = yaml_text(groups, r.random() < 0.6)
    else:
        inventory, beside = 'inventory', 'inventory'
        half = len(groups) // 2
        known = lambda part, before: {g: [c for c in children[g] if c in part or c in before] for g in part}  # noqa: E731
        children.update(known(groups[half:], []))
        files['inventory/10-second'] = yaml_text(groups[half:], True) if r.random() < 0.5 else ini(groups[half:], [])
        files['inventory/20-first.yml' if r.random() < 0.3 else 'inventory/20-first'] = '---\n' + yaml_text(groups[:half] or groups[half:], False)
        files['inventory/README.md'] = 'notes\n'
        files['inventory/old.cfg'] = '[lost]\nlost1\n'
        files['inventory/.hidden'] = '[lost]\nlost2\n'
        if r.random() < 0.3:
            files['inventory/sub/30.ini'] = f'[{groups[0]}]\nsub1 a=1\n'
    for place in [beside, 'play']:
        for sub, names in (('group_vars', groups + ['all', 'ungrouped', 'nowhere']), ('host_vars', ['h1', 'h2', 'n1.example.com', '10.0.0.7', 'r1', 'lonely'])):
            for n in names:
                if r.random() > 0.3:
                    continue
                own = variables(4)
                if r.random() < 0.1:
                    own['ansible_group_priority'] = '50'
                base = f'{place}/{sub}/{n}'
                how = r.random()
                if how < 0.5:
                    files[f'{base}{r.choice([".yml", ".yaml", ""])}'] = '---\n' + block(own, 0)
                elif how < 0.6:
                    files[f'{base}.json'] = json.dumps({k: r.choice([1, 1.0, 'x', True, None, [1]]) for k in own})
                else:
                    files[f'{base}/main.yml'] = block(own, 0)
                    files[f'{base}/z.yml'] = block(variables(3), 0)
                    files[f'{base}/.skip.yml'] = 'a: hidden\n'
                    files[f'{base}/notes.txt'] = 'no: yaml: at all\n'
                if r.random() < 0.1:
                    files[f'{base}.yml~'] = 'a: backup\n'
    return {'files': files, 'inventory': inventory, 'play': r.choice(['play', 'play', None])}


def ask_tree(case):
    directory = tempfile.mkdtemp(prefix='ansible-answers-')
    try:
        for name, text in case['files'].items():
            path = os.path.join(directory, name)
            if os.path.isdir(path) or os.path.isfile(os.path.dirname(path)):
                return None
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text)
        out = os.path.join(directory, 'answer.json')
        command = ['ansible-inventory', '-i', os.path.join(directory, case['inventory']), '--list', '--output', out]
        if case['play']:
            os.makedirs(os.path.join(directory, case['play']), exist_ok=True)
            command += ['--playbook-dir', os.path.join(directory, case['play'])]
        # A process of its own for each one: Ansible remembers files and options.
        child = os.fork()
        if child == 0:
            os.chdir('/')
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            try:
                InventoryCLI(command).run()
            finally:
                os._exit(0 if os.path.exists(out) else 1)
        if os.waitpid(child, 0)[1] != 0:
            return {**case, 'answer': ['error']}
        with open(out, encoding='utf-8') as f:
            told = json.load(f)
        values = {h: answer(v) for h, v in told.pop('_meta')['hostvars'].items()}
        return {**case, 'answer': {'hosts': values, 'groups': told}}
    finally:
        shutil.rmtree(directory)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('out', nargs='?', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), 'answers.json.gz'))
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--yaml', type=int, default=7000)
    parser.add_argument('--ini', type=int, default=5000)
    parser.add_argument('--trees', type=int, default=250)
    o = parser.parse_args()
    r = random.Random(o.seed)
    documents = sorted({yaml_document(r) for _ in range(o.yaml * 2)}, key=lambda _: r.random())[:o.yaml]
    lines = sorted({ini_document(r) for _ in range(o.ini * 3)}, key=lambda _: r.random())[:o.ini]
    sys.stderr = open(os.devnull, 'w')
    with tempfile.TemporaryDirectory() as directory:
        yaml_answers = [[d, ask_yaml(d)] for d in documents]
        ini_answers = [[d, ask_inventory(d, directory)] for d in lines]
    trees = [t for t in (ask_tree(tree(r)) for _ in range(o.trees)) if t is not None]
    data = {'ansible': ansible.release.__version__, 'pyyaml': yaml.__version__, 'seed': o.seed,
            'yaml': yaml_answers, 'ini': ini_answers, 'trees': trees}
    with open(o.out, 'wb') as raw, gzip.GzipFile(fileobj=raw, mode='wb', mtime=0, filename='') as f:
        f.write(json.dumps(data, ensure_ascii=False, separators=(',', ':')).encode('utf-8', 'surrogatepass'))
    print(f"{len(yaml_answers)} YAML documents, {len(ini_answers)} INI values, {len(trees)} trees; ansible-core {ansible.release.__version__}")


if __name__ == '__main__':
    main()
