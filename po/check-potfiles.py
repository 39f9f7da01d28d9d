#!/usr/bin/python3
"""Checks that POTFILES.in lists exactly the files that hold text for translators.

    check-potfiles.py SOURCE_ROOT             says what is wrong
    check-potfiles.py SOURCE_ROOT --update    writes the list anew
"""

import pathlib
import re
import sys

# A call of gettext or one of its forms; a word before the parenthesis would be another function.
MARKED = re.compile(r'(?<![A-Za-z0-9_"])(?:_|N_|C_|NC_|Q_|ngettext|gettext|g_dngettext|g_dpgettext2?)'
                    r'\s*\(\s*"')
SOURCES = ('.c', '.h')
MARKUP = ('.policy.in',)
FOLDERS = ('client', 'daemon', 'policy', 'data')


def wanted(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob('*')):
            if path.name.endswith(MARKUP):
                yield path.relative_to(root).as_posix()
            elif path.suffix in SOURCES and MARKED.search(path.read_text(encoding='utf-8')):
                yield path.relative_to(root).as_posix()


def main():
    root = pathlib.Path(sys.argv[1])
    if sys.argv[2:] == ['--update']:
        (root / 'po' / 'POTFILES.in').write_text(
            ''.join(f'{name}\n' for name in sorted(wanted(root))), encoding='utf-8')
    lines = (root / 'po' / 'POTFILES.in').read_text(encoding='utf-8').splitlines()
    listed = [line.strip() for line in lines if line.strip() and not line.startswith('#')]
    expected = set(wanted(root))
    problems = [f'po/POTFILES.in lacks {name}, which has translatable text'
                for name in sorted(expected - set(listed))]
    problems += [f'po/POTFILES.in lists {name}, which has no translatable text'
                 for name in sorted(set(listed) - expected)]
    problems += [f'po/POTFILES.in lists {name} twice'
                 for name in sorted({name for name in listed if listed.count(name) > 1})]
    if listed != sorted(listed):
        problems.append('po/POTFILES.in is not sorted')
    print('\n'.join(problems) or f'{len(listed)} files listed')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
