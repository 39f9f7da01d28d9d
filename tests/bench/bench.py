"""The measurements of tests/bench/run, which makes the view of the host that they run in."""

import argparse
import json
import os
import pathlib
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'integration'))

import gi   # noqa: E402

gi.require_version('Gio', '2.0')

# pylint: disable=wrong-import-position
import control   # noqa: E402
from disks import IMAGES, MIB, allocated, file_system, fill   # noqa: E402
from measure import Contender, called, compete, sha256_rate, shell   # noqa: E402
from rig.bus import Bus, Polkit   # noqa: E402
from rig.machines import Disk, domain_xml   # noqa: E402
from rig.users import make_users   # noqa: E402
from rig.world import open_world   # noqa: E402

UNITS = {'M': MIB, 'G': 1024 * MIB}
PLAIN = {
    'cp': 'cp --sparse=always --reflink=never {image} {out}',
    'qemu-img': 'qemu-img convert -f {format} -O {format} {image} {out}',
    'qemu-img -W': 'qemu-img convert -f {format} -O {format} -W -m 16 -t none -T none {image} {out}',
    'rsync': 'rsync -S {image} {out}',
    'tar': 'tar -cSf {out} {image}',
}
VERIFIED = {
    'cp, fsverity': 'cp --sparse=always --reflink=never {image} {out} && fsverity digest {out}',
    'cp, sha256sum': 'cp --sparse=always --reflink=never {image} {out} && sha256sum {out}',
}


class Bench:
    def __init__(self, options, prefix, users, bus, folder):
        self.options, self.prefix, self.users, self.bus = options, prefix, users, bus
        self.folder = folder
        self.rows, self.raw = [], {}
        self.long = 24 * 3600

    def row(self, what, value, limit, unit='', detail=''):
        """A line of the table: it must not be more than the limit."""
        self.rows.append({'what': what, 'value': value, 'limit': limit, 'unit': unit,
                          'detail': detail, 'reached': value <= limit})
        print(f'{what:58} {value:8.2f}{unit:4} {limit:8.2f}{unit:4} '
              f'{"" if value <= limit else "MISSED":7} {detail}', flush=True)

    def keep(self, title, contenders):
        self.raw[title] = {name: contender.as_json() for name, contender in contenders.items()}
        for name, contender in contenders.items():
            print(f'    {title:20} {name:22} {contender.median():8.3f} s  processor '
                  f'{contender.median("cpu"):7.3f} s  memory {contender.median("memory") / 1024:6.1f} '
                  'MiB', flush=True)

    def world(self, stack, place):
        """A service whose store lies on the file system that is measured."""
        return stack.enter_context(open_world(self.folder, self.bus, self.prefix, self.users,
                                              StoreRoot=place / 'store'))

    @staticmethod
    def add_machine(world, place, name, images):
        """A machine in the store whose disks are these images, which are used up."""
        bare = place / f'bare-{name}'
        bare.mkdir()
        disks = []
        for image, image_format in images:
            image.rename(bare / image.name)
            disks.append(Disk(name=image.name, format=image_format))
        (bare / f'{name}.xml').write_text(domain_xml(name, disks))
        machine = world.root.wait(world.root.import_(bare, {'Name': name}), timeout=24 * 3600)
        shutil.rmtree(bare)
        return machine['ImportedVirtualMachine']

    def export(self, world, machine, out, checksum):
        caller = world.root
        return called(world.daemon, lambda: caller.wait(
            caller.export(machine, out, {'Checksum': checksum}), timeout=self.long))

    def import_(self, world, package, name='copy'):
        """With the way to take it back: neither is part of the measured time."""
        caller, made = world.root, []

        def start():
            result = caller.wait(caller.import_(package, {'Name': name}), timeout=self.long)
            made.append(result['ImportedVirtualMachine'])

        return called(world.daemon, start), lambda: caller.delete(made.pop())

    # The copier

    def copy(self, kind):
        for name in self.options.images:
            image_format, make = IMAGES[name]
            with file_system(self.folder, kind, 5 * self.options.size + 1024 * MIB) as place, \
                    ExitStack() as stack:
                world = self.world(stack, place)
                path = place / f'{name}.{image_format}'
                make(path, self.options.size)
                size = allocated(path)
                machine = self.add_machine(world, place, name, [(path, image_format)])
                image = world.root.machines()[machine]['ResourcePaths'][0]
                self.copy_image(f'{kind} {name}', world, place, machine, image, image_format, size)

    def copy_image(self, title, world, place, machine, image, image_format, size):
        image = shlex.quote(image)
        out, package, ready = place / 'out', place / 'package', place / 'ready'
        self.export(world, machine, ready, 'fs-verity')()

        def peer(command):
            command = command.format(image=image, out=out, format=image_format)
            return shell(f'{command} && sync {out}')

        drop_out, drop_package = out.unlink, lambda: shutil.rmtree(package)
        contenders = [Contender(name, peer(command), drop_out)
                      for name, command in {**PLAIN, **VERIFIED}.items()]
        contenders += [Contender(f'export {checksum}', self.export(world, machine, package, checksum),
                                 drop_package)
                       for checksum in ('none', 'fs-verity', 'sha256')]
        contenders.append(Contender('copier none', shell(
            f'{self.options.copier} none {image} {out}'), drop_out))
        contenders.append(Contender('import', *self.import_(world, ready)))
        costs = compete(contenders, self.options.rounds, self.options.patience)
        self.keep(title, costs)

        median = {name: contender.median() for name, contender in costs.items()}
        best = min((name for name in PLAIN if name != 'tar'), key=median.get)
        hashing = size / sha256_rate()
        slower = max(median['export none'], hashing)
        digest = 0.6 if 'full' in title else 0.3
        self.row(f'{title}: export, no checksum / {best}', median['export none'] / median[best], 1)
        for job in ('export fs-verity', 'import'):
            self.row(f'{title}: {job} / cp + fsverity digest',
                     median[job] / median['cp, fsverity'], digest)
            self.row(f'{title}: {job} / slower of plain copy and SHA-256', median[job] / slower, 1.15,
                     detail=f'plain copy {median["export none"]:.2f} s, SHA-256 of {size // MIB} MiB '
                            f'on all cores {hashing:.2f} s')
        self.row(f'{title}: export sha256 / cp + sha256sum',
                 median['export sha256'] / median['cp, sha256sum'], 0.6)
        self.row(f'{title}: memory of a worker at its peak',
                 max(costs[name].median('memory') for name in costs
                     if name.startswith(('export', 'import'))) / 1024, 64, ' MiB')

    # Clones

    def reflink(self, kind):
        """A disk of 12.5 times the data: 100 GiB with 8 GiB in it."""
        with file_system(self.folder, kind, 2 * self.options.size + 2048 * MIB) as place, \
                ExitStack() as stack:
            world = self.world(stack, place)
            path = fill(place / 'big.raw', self.options.size * 25 // 2, MIB, 25 * MIB // 2)
            machine = self.add_machine(world, place, 'big', [(path, 'raw')])
            image = shlex.quote(world.root.machines()[machine]['ResourcePaths'][0])
            out, package = place / 'out', place / 'package'
            costs = compete([
                Contender('cp --reflink', shell(
                    f'cp --reflink=always {image} {out} && sync {out}'), out.unlink),
                Contender('export none', self.export(world, machine, package, 'none'),
                          lambda: shutil.rmtree(package))], self.options.rounds)
            title = f'{kind} reflink'
            self.keep(title, costs)
            self.row(f'{title}: export, no checksum', costs['export none'].median(), 0.5, ' s')
            self.row(f'{title}: export, no checksum / cp --reflink=always',
                     costs['export none'].median() / costs['cp --reflink'].median(), 1.5)

    # There and back

    def round_trip(self, kind):
        """Three disks, an eighth of the size each, beside virt-clone of the same machine."""
        from rig.libvirt import Libvirt   # only here: the rest does without libvirt
        with file_system(self.folder, kind, 4 * self.options.size + 1024 * MIB) as place, \
                ExitStack() as stack:
            folder = self.folder / 'libvirt'
            folder.mkdir()
            host = Libvirt(folder)
            stack.callback(shutil.rmtree, folder)
            stack.callback(host.end)
            each = self.options.size // 8 // MIB * MIB
            images = [(fill(place / f'disk-{number}.raw', each, MIB, every * MIB), 'raw')
                      for number, every in enumerate((1, 2, 4))]
            original = place / 'original'
            original.mkdir()
            for image, _ in images:
                shutil.copy(image, original / image.name)
            host.connection.defineXML(domain_xml(
                'bench', [Disk(name=image.name, format='raw', folder=str(original))
                          for image, _ in images]).replace("type='kvm'", "type='qemu'"))
            world = self.world(stack, place)
            machine = self.add_machine(world, place, 'bench', images)
            package, clones = place / 'package', [place / f'clone-{n}.raw' for n in range(3)]
            back, undo = self.import_(world, package)
            there = self.export(world, machine, package, 'fs-verity')

            def trip():
                one, other = there(), back()
                one.seconds += other.seconds
                one.cpu += other.cpu
                one.memory = max(one.memory, other.memory)
                return one

            def forget_trip():
                undo()
                shutil.rmtree(package)

            def forget_clone():
                host.connection.lookupByName('bench-clone').undefine()
                for clone in clones:
                    clone.unlink()

            files = ' '.join(f'--file {clone}' for clone in clones)
            costs = compete([
                Contender('virt-clone', shell(
                    'virt-clone -q --connect qemu:///system --original bench --name bench-clone '
                    f'{files} && sync {" ".join(map(str, clones))}'), forget_clone),
                Contender('round trip', trip, forget_trip)], self.options.rounds)
            title = f'{kind} round trip'
            self.keep(title, costs)
            self.row(f'{title} / virt-clone',
                     costs['round trip'].median() / costs['virt-clone'].median(), 0.8)

    def jobs(self, kind):
        """Limit and cancellation, with three disks at a time."""
        with file_system(self.folder, kind, 4 * self.options.size + 1024 * MIB) as place, \
                ExitStack() as stack:
            world = self.world(stack, place)
            each = self.options.size // 4
            images = [(fill(place / f'disk-{number}.raw', each, MIB, MIB), 'raw')
                      for number in range(3)]
            machine = self.add_machine(world, place, 'jobs', images)
            control.measure_limit(self, world, machine, place / 'package', 3 * each)
            control.measure_cancel(self, world, machine, place / 'package')


    def run(self):
        only = self.options.only
        if 'copy' in only:
            for kind in self.options.copy_on:
                self.copy(kind)
        if 'reflink' in only:
            for kind in self.options.reflink_on:
                self.reflink(kind)
        if 'round-trip' in only:
            self.round_trip('ext4')
        if 'jobs' in only:
            self.jobs('ext4')
        if 'daemon' in only:
            control.measure(self, control.in_store, control.many_jobs)
        if 'libvirt' in only:
            control.measure(self, control.with_libvirt)


def machine_name():
    model = re.search(r'^model name\s*: (.*)$', pathlib.Path('/proc/cpuinfo').read_text(), re.M)
    memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') >> 30
    return (f'{model.group(1) if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores, '
            f'{memory} GiB, Linux {platform.release()}')


def parse(arguments=None):
    parser = argparse.ArgumentParser(prog='tests/bench/run', description='Measures vmport beside '
                                     'what one would use instead.')
    parser.add_argument('--size', default='8G', help='of an image, with M or G (8G)')
    parser.add_argument('--rounds', type=int, default=5, help='of which the median counts (5)')
    parser.add_argument('--patience', type=float, help='who takes more than so many times as long as '
                        'the fastest has one round in copy (no limit)')
    parser.add_argument('--images', default=','.join(IMAGES), help='of copy (%(default)s)')
    parser.add_argument('--only', default='copy,reflink,round-trip,jobs,daemon,libvirt',
                        help='what to measure (%(default)s)')
    parser.add_argument('--copy-on', default='ext4', help='file systems of copy (%(default)s)')
    parser.add_argument('--reflink-on', default='xfs,btrfs',
                        help='file systems of reflink (%(default)s)')
    parser.add_argument('--machines', type=int, default=10000, help='in the store, of daemon (10000)')
    parser.add_argument('--jobs', type=int, default=100, help='in the queue, of daemon (100)')
    parser.add_argument('--json', type=pathlib.Path, default=pathlib.Path('bench.json'),
                        help='where all numbers are written (%(default)s)')
    options = parser.parse_args(arguments)
    options.size = int(options.size[:-1]) * UNITS[options.size[-1].upper()]
    for key in ('images', 'only', 'copy_on', 'reflink_on'):
        setattr(options, key, getattr(options, key).split(','))
    options.copier = pathlib.Path(os.environ['VMPORT_BUILD_DIR']) / 'tests/bench/bench-copy'
    return options


def main():
    options = parse()
    prefix = os.environ['VMPORT_PREFIX']
    folder = pathlib.Path(os.environ['VMPORT_WORK'])
    users = make_users(prefix)
    bus = Bus(folder, prefix, users['root'])
    polkit = Polkit(bus, folder)
    bench = Bench(options, prefix, users, bus, folder)
    print(f'{time.strftime("%Y-%m-%d")}, {machine_name()}; images of {options.size // MIB} MiB, '
          f'median of {options.rounds}\n')
    print(f'{"":58} {"is":>8}     {"at most":>8}')
    try:
        bench.run()
    finally:
        polkit.stop()
        bus.stop()
        options.json.write_text(json.dumps(
            {'date': time.strftime('%Y-%m-%d'), 'machine': machine_name(), 'size': options.size,
             'rounds': options.rounds, 'table': bench.rows, 'costs': bench.raw}, indent=1) + '\n')
    missed = sum(not row['reached'] for row in bench.rows)
    print(f'\n{len(bench.rows)} figures, {missed} of them missed; all numbers are in {options.json}')


if __name__ == '__main__':
    main()
