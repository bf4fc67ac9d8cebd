#!/usr/bin/env python3
"""man/keys.py - the configuration keys in manual and example, held to the tables.

    callseald --print-config | man/keys.py page man/callseal.conf.5
        writes the page's key sections anew, between its two markers
    callseald --print-config | man/keys.py check man/callseal.conf.5 etc/callseal.conf
        exit 1 and a line for each difference: the page must be what "page" would
        write, the example must name every key, no other, and the true defaults
"""
import re
import sys

BEGIN, END = '.\\" -- keys: begin --\n', '.\\" -- keys: end --\n'


class Key:
    def __init__(self, name, value, kind, text, absent):
        self.name, self.value, self.kind = name, value, kind
        self.text, self.absent = text, absent


class Group:
    def __init__(self, name, shape, text):
        self.name, self.shape, self.text, self.keys = name, shape, text, []


def read_printed(text):
    """The groups of "callseald --print-config"."""
    groups, group, prose, kind = [], None, [], ''
    for line in text.splitlines():
        bare = line.strip()
        opened = re.fullmatch(r'(# )?([\w-]+) = ([{(].*)', bare)
        if opened and not bare.endswith(';'):
            shape = {'{': 'one', '{ NAME = {': 'named', '( {': 'list'}[opened[3]]
            group = Group(opened[2], shape, ' '.join(prose))
            groups.append(group)
            prose = []
        elif re.fullmatch(r'(# )?[})][ });]*;', bare):
            group, prose = None, []
        elif re.fullmatch(r'# \[.*\]', bare):
            kind = bare[3:-1]
        elif m := re.fullmatch(r'(# )?([\w-]+) = (.*);', bare):
            if not group:
                group = Group('', 'one', '')
                groups.append(group)
            group.keys.append(Key(m[2], m[3], kind, ' '.join(prose), bool(m[1])))
            prose = []
            if group.name == '':
                group = None
        elif bare.startswith('# '):
            prose.append(bare[2:])
    return merge_top(groups)


def merge_top(groups):
    """All keys of the top level in one group, its text the first of two."""
    top = Group('', 'one', '')
    for g in groups:
        if g.name == '':
            top.keys += g.keys
    return ([top] if top.keys else []) + [g for g in groups if g.name]


def roff(text):
    """Text with roff's special characters escaped, one sentence a line."""
    text = text.replace('\\', '\\e').replace('"', '\\(dq')
    lines = re.sub(r'([.?!]) +(?=[A-Z"])', r'\1\n', text).split('\n')
    out = []
    for line in lines:
        while len(line) > 78 and ' ' in line[:78]:
            cut = line[:78].rindex(' ')
            out.append(line[:cut])
            line = line[cut + 1:]
        out.append(line)
    return '\n'.join('\\&' + x if x[:1] in ".'" else x for x in out if x)


HEADINGS = {
    'one': 'Group %s', 'named': 'Groups in %s', 'list': 'List %s'}
SHAPES = {
    'one': '%s = { ... };', 'named': '%s = { NAME = { ... }; ... };',
    'list': '%s = ( { ... }, ... );'}


def page_of(groups):
    """The mdoc text of all groups."""
    out = []
    for g in groups:
        out.append('.Ss ' + (HEADINGS[g.shape] % g.name if g.name else 'Top level'))
        if g.name:
            out.append('.Dl ' + SHAPES[g.shape] % g.name)
        if g.text:
            out.append(roff(g.text))
        out.append('.Bl -tag -width Ds')
        for k in g.keys:
            out += ['.It Cm ' + k.name, roff(k.text), '.br', roff('[' + k.kind + ']')]
            if not (k.absent and k.value in ('""', '()') or 'must be set' in k.kind):
                out += ['.br', 'Default:', '.Li ' + k.value.replace('"', '\\(dq')]
        out.append('.El')
    return '\n'.join(out) + '\n'


def split_page(path):
    with open(path, encoding='utf-8') as f:
        text = f.read()
    head, rest = text.split(BEGIN)
    middle, tail = rest.split(END)
    return head, middle, tail


def plain(value):
    """A value in one spelling."""
    value = value.replace('[', '(').replace(']', ')')
    return re.sub(r'\s+', '', value)


def read_example(path):
    """(group, key, value, commented) of each key the example names."""
    group = ''
    with open(path, encoding='utf-8') as f:
        for line in f:
            line = line.rstrip()
            m = re.match(r'(\w+) = [({]$', line)
            if m:
                group = m[1]
            elif re.match(r'[})];', line):
                group = ''
            m = re.match(r'( *)(//)? *([\w-]+) = ([^{]*?)[;](?: *//.*)?$', line)
            if m and (group or not m[1]):
                yield group, m[3], m[4], bool(m[2])


def check_example(groups, path):
    tables = {(g.name, k.name): (g, k) for g in groups for k in g.keys}
    named = set()
    for group, key, value, commented in read_example(path):
        named.add((group, key))
        if (group, key) not in tables:
            yield f'{path}: {group}.{key} is no key'
            continue
        g, k = tables[group, key]
        if commented and g.shape == 'one' and not k.absent and plain(value) != plain(k.value):
            yield f'{path}: {group}.{key}: the default is {k.value}, not {value}'
    for group, key in tables:
        if (group, key) not in named:
            yield f'{path}: {group}.{key} is missing'


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ('page', 'check'):
        sys.exit(__doc__)
    groups = read_printed(sys.stdin.read())
    if not groups:
        sys.exit('no keys read')
    head, middle, tail = split_page(sys.argv[2])
    fresh = page_of(groups)
    if sys.argv[1] == 'page':
        with open(sys.argv[2], 'w', encoding='utf-8') as f:
            f.write(head + BEGIN + fresh + END + tail)
        return 0
    faults = list(check_example(groups, sys.argv[3]))
    if fresh != middle:
        faults.append(f'{sys.argv[2]}: the key sections are not those of the tables; '
                      'run: callseald --print-config | man/keys.py page ' + sys.argv[2])
    for fault in faults:
        print(fault)
    print(sum(len(g.keys) for g in groups), 'keys,', len(faults), 'faults')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
