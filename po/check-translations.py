#!/usr/bin/python3
"""Checks that every language of LINGUAS says all that the sources say.

    check-translations.py SOURCE_ROOT             says what is wrong
    check-translations.py SOURCE_ROOT --update    merges what is new in the sources into each .po

The messages are read from the sources at each run, so one that was added or changed yesterday counts
as untranslated today. A translation has the format specifiers of its message, quotes as the language
does, and passes msgfmt --check.
"""

import ast
import pathlib
import re
import subprocess
import sys
from collections import Counter

# As i18n.gettext() of Meson calls it with the preset "glib"; the flags only choose what is marked as
# a format, and every message is looked at here.
XGETTEXT = ('xgettext', '--from-code=UTF-8', '--add-comments', '--keyword=_', '--keyword=N_',
            '--keyword=C_:1c,2', '--keyword=NC_:1c,2', '--keyword=g_dcgettext:2',
            '--keyword=g_dngettext:2,3', '--keyword=g_dpgettext2:2c,3', '--package-name=vmport',
            '--files-from=po/POTFILES.in', '--output=-')
# What printf() takes; inttypes.h's macros stand as <PRIu64>.
SPECIFIER = re.compile(r'%(?:\d+\$)?[-+ #0]*\d*(?:\.\d+)?(?:<\w+>|(?:hh|h|ll|l|z|j|t)?[a-zA-Z%])'
                       r'|\$\(\w+\)')
# A lone % at the end: what followed was a macro that xgettext does not know, such as
# G_GUINT64_FORMAT, and at run time another message is looked up.
CUT = re.compile(r'(?<!%)%$')
# Quotation marks of each language; those of the sources are “ and ”.
QUOTES = {'de': '„“'}
FIELD = re.compile(r'^(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) (".*")$')


def run(*command, root, text=None):
    """What it prints; what it complains about ends the check."""
    done = subprocess.run(command, cwd=root, input=text, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f'{command[0]}: {done.stderr}')
    return done.stdout


def entries(root, file, text=None):
    """[(flags, {field: text})] of a catalogue, without its header."""
    result = []
    for block in run('msgcat', '--no-wrap', file, root=root, text=text).split('\n\n'):
        flags, fields, current = set(), {}, None
        for line in block.splitlines():
            field = FIELD.match(line)
            if line.startswith('#,'):
                flags |= {flag.strip() for flag in line[2:].split(',')}
            elif line.startswith('#~'):
                flags.add('obsolete')
                line = line[3:]
                field = FIELD.match(line)
            if field:
                current = field.group(1)
                fields[current] = ast.literal_eval(field.group(2))
            elif line.startswith('"'):
                fields[current] += ast.literal_eval(line)
        if fields.get('msgid'):
            result.append((flags, fields))
    return result


def name(fields):
    return (fields.get('msgctxt'), fields['msgid'])


def shown(fields):
    text = fields['msgid']
    return repr(text if len(text) < 70 else text[:66] + '…')


def specifiers(text):
    """A translation may number them, and so put them into another order."""
    return Counter(re.sub(r'%\d+\$', '%', found) for found in SPECIFIER.findall(text)
                   if found != '%%')


def check_entry(language, fields):
    wanted = [specifiers(fields[field]) for field in ('msgid', 'msgid_plural') if field in fields]
    for field, text in fields.items():
        if not field.startswith('msgstr'):
            continue
        if specifiers(text) not in wanted:
            yield f'other format specifiers in {text!r}'
        opening, closing = QUOTES.get(language, '“”')
        for mark, instead in (('“', opening), ('”', closing)):
            original = max(fields['msgid'].count(mark), fields.get('msgid_plural', '').count(mark))
            if text.count(instead) != original:
                yield f'{instead} stands {text.count(instead)} times, not {original}: {text!r}'
        if fields['msgid'].endswith('\n') != text.endswith('\n'):
            yield f'a line break at the end of one alone: {text!r}'


def check_language(language, template, root):
    path = f'po/{language}.po'
    if not (root / path).exists():
        yield f'{path}: not there, and po/LINGUAS lists it'
        return
    done = subprocess.run(('msgfmt', '--check', '--output-file=/dev/null', path), cwd=root,
                          text=True, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        yield done.stderr.strip()
    translated = {}
    for flags, fields in entries(root, path):
        if 'obsolete' in flags or name(fields) not in template:
            yield f'{path}: {shown(fields)} is not in the sources any more'
            continue
        translated[name(fields)] = fields
        if 'fuzzy' in flags:
            yield f'{path}: {shown(fields)} is fuzzy'
        elif not all(text for field, text in fields.items() if field.startswith('msgstr')):
            yield f'{path}: {shown(fields)} is not translated'
        else:
            yield from (f'{path}: {shown(fields)}: {problem}'
                        for problem in check_entry(language, fields))
    yield from (f'{path}: {shown(fields)} is not translated'
                for key, fields in template.items() if key not in translated)


def main():
    root = pathlib.Path(sys.argv[1])
    text = run(*XGETTEXT, root=root)
    template = {name(fields): fields for _, fields in entries(root, '-', text)}
    linguas = [line for line in (root / 'po/LINGUAS').read_text(encoding='utf-8').split('\n')
               if line.strip() and not line.startswith('#')]
    languages = [language for line in linguas for language in line.split()]
    if sys.argv[2:] == ['--update']:
        for language in languages:
            merged = run('msgmerge', '--quiet', f'po/{language}.po', '-', root=root, text=text)
            (root / f'po/{language}.po').write_text(
                run('msgattrib', '--no-obsolete', '--add-location=file', '--width=100', '-',
                    root=root, text=merged), encoding='utf-8')
    problems = [f'{shown(fields)} is cut off by a macro that xgettext does not know; those of '
                '<inttypes.h> it does' for fields in template.values()
                if CUT.search(fields['msgid'])]
    for language in languages:
        problems += check_language(language, template, root)
    print('\n'.join(problems) or f'{len(template)} messages in {len(languages)} other languages')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
