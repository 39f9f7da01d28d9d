"""The figures of reliability that tests record, as the table which tests/reliability is for.

    record_property('reliability', (what, faults, whole, nothing))
        faults that were put in the way; how many times all was there in the end, how many times
        nothing was left
    record_property('inputs', (what, number))      files that a parser was given
    record_property('figure', (what, text))        anything else that was measured
"""

from collections import defaultdict

NAMES = ('reliability', 'inputs', 'figure')


def count(reports):
    """Of pytest's reports those with figures: (lines of the table, [faults, survived, inputs,
    seconds] in all, whether all of their tests passed)."""
    lines, total, passed = defaultdict(lambda: [0, 0, 0, 0, 0.0]), [0, 0, 0, 0.0], True
    texts = []
    for report in reports:
        figures = [(name, value) for name, value in report.user_properties if name in NAMES]
        if not figures:
            continue
        passed = passed and report.outcome == 'passed'
        total[3] += report.duration
        for name, (what, *numbers) in figures:
            if name == 'figure':
                texts.append((what, numbers[0]))
            elif name == 'inputs':
                lines[what][3] += numbers[0]
                total[2] += numbers[0]
            else:
                for column, number in enumerate(numbers):
                    lines[what][column] += number
                total[0] += numbers[0]
                total[1] += numbers[1] + numbers[2]
        lines[figures[0][1][0]][4] += report.duration
    return lines, texts, total, passed


def print_table(terminal, reports):
    lines, texts, (faults, survived, inputs, seconds), passed = count(reports)
    if not lines:
        return
    terminal.section(f'{faults} faults, {survived} survived; {inputs} inputs; '
                     f'{seconds / 3600:.2f} hours{"" if passed else "; SOME WENT WRONG"}')
    width = max(map(len, lines))
    terminal.write_line(f'{"":{width}}  faults   whole  nothing  inputs  seconds')
    for what, (number, whole, nothing, files, time) in sorted(lines.items()):
        cells = [f'{value:6}' if value else ' ' * 6 for value in (number, whole, nothing, files)]
        terminal.write_line(f'{what:{width}}  {cells[0]}  {cells[1]}   {cells[2]}  {cells[3]}  '
                            f'{time:7.1f}')
    for what, text in texts:
        terminal.write_line(f'{what}: {text}')
