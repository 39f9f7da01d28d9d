"""The rig's libvirtd: a guest boots in it, and goes on after a managed save."""

from rig.guests import count, guest


def test_counting_over_a_managed_save(libvirt):
    libvirt.define(guest('web', []))
    console = libvirt.boot('web')
    console.wait('GUEST-READY')
    count(console)
    first = int(console.wait('COUNT'))
    libvirt.domain('web').managedSave(0)
    libvirt.kill()
    libvirt.start()
    console = libvirt.boot('web')
    assert int(console.wait('COUNT')) > first
