"""Random exports, imports, verifications, cancellations and kills on both managers: nothing grows,
every package that is left verifies, every machine is whole.

tests/check does it for a few seconds; `tests/reliability soak MINUTES`, by VMPORT_SOAK_MINUTES, for as
long as one likes. VMPORT_SEED repeats what was chosen, though not how long each thing took.
"""

import os
import random

from rig.soak import Soak

MINUTES = float(os.environ.get('VMPORT_SOAK_MINUTES', 0.15))
SEED = int(os.environ.get('VMPORT_SEED') or random.SystemRandom().randrange(1 << 32))


def test_soak(daemon, libvirt, qemu, bus, users, area, record_property):
    print(f'VMPORT_SEED={SEED}')
    # An administrator is warned of what cannot be taken back while libvirt is away.
    daemon.fatal = 'fatal-criticals'
    daemon.restart()
    soak = Soak(daemon, libvirt, qemu, bus, users, area, SEED)
    # First one long life, in which whatever grows is seen to; then short ones.
    soak.run(MINUTES * 40)
    grown, samples = soak.check_growth(), list(soak.samples)
    soak.run(MINUTES * 20, kill_daemon=True)
    soak.finish()
    record_property('reliability', (f'soak of {MINUTES:g} min, seed {SEED}', soak.disturbed,
                                    soak.whole, soak.nothing))
    record_property('figure', ('soak', f'{soak.ended} jobs in {MINUTES:g} minutes, {soak.kills} kills; '
                               f'memory {samples[0].anonymous} to {samples[-1].anonymous} KiB '
                               f'(median {grown:+g}), descriptors {samples[0].fds} to '
                               f'{samples[-1].fds}, threads {samples[0].threads} to '
                               f'{samples[-1].threads}'))
