"""Machines of the store as root changes them by hand: files are put beside a configuration, or the
configuration is edited. The daemon reads its store at the start, so each of these restarts it."""


def folder(daemon, machine):
    """<root>/<uuid>/Virtual Machines/<uuid>, by the machine's object path."""
    uuid = machine.rpartition('/')[2].replace('_', '-')
    return daemon.store / uuid / 'Virtual Machines' / uuid


def configuration(daemon, machine):
    return folder(daemon, machine).with_suffix('.xml')


def put(daemon, machine, files):
    """Puts {name: content} into the machine's own folder."""
    for name, data in files.items():
        path = folder(daemon, machine) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    daemon.restart()


def edit(daemon, machine, *changes):
    """Replaces each (old, new) in the machine's configuration."""
    path = configuration(daemon, machine)
    text = path.read_text()
    for old, new in changes:
        assert old in text, f'{old!r} is not in {path}, so this would test nothing'
        text = text.replace(old, new, 1)
    path.write_text(text)
    daemon.restart()


def add_devices(daemon, machine, xml):
    edit(daemon, machine, ('</devices>', f'{xml}</devices>'))
