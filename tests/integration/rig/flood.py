"""A program that floods the bus with calls, many times faster than GDBus sends them: run as one user or
another, with the bus' socket, a method and a rate. It says how many it has sent."""

import os
import re
import select
import socket
import struct
import sys
import time

NO_REPLY_EXPECTED = 1


def string(text):
    data = text.encode()
    return struct.pack('<I', len(data)) + data + b'\0'


def pad(data, size):
    return data + b'\0' * (-len(data) % size)


def field(code, signature, value):
    return bytes((code, 1)) + signature.encode() + b'\0' + value


def message(destination, path, interface, member, signature='', body=b'', flags=0):
    fields = b''
    for code, kind, text in ((1, 'o', path), (2, 's', interface), (3, 's', member),
                             (6, 's', destination)):
        fields = pad(fields, 8) + field(code, kind, string(text))
    if signature:
        fields = pad(fields, 8) + field(8, 'g', bytes((len(signature),)) + signature.encode()
                                        + b'\0')
    return bytearray(pad(struct.pack('<cBBBIII', b'l', 1, flags, 1, len(body), 1, len(fields))
                         + fields, 8) + body)


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        uid = str(os.geteuid()).encode().hex()
        self.socket.sendall(b'\0AUTH EXTERNAL ' + uid.encode() + b'\r\n')
        assert self.socket.recv(4096).startswith(b'OK')
        self.socket.sendall(b'BEGIN\r\n')
        self.serial = 0
        self.send(message('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                          'Hello'), 1)
        self.socket.recv(4096)

    def send(self, template, count):
        data = bytearray()
        for _ in range(count):
            self.serial += 1
            struct.pack_into('<I', template, 8, self.serial)
            data += template
        self.socket.setblocking(True)
        self.socket.sendall(data)

    def drain(self):
        self.socket.setblocking(False)
        try:
            while self.socket.recv(1 << 20):
                pass
        except BlockingIOError:
            pass


def main():
    address, kind, rate, connections = sys.argv[1:]
    path = re.fullmatch('unix:path=([^,]*).*', address).group(1)
    manager = '/org/vmport/Manager/store', 'org.vmport.Manager'
    empty = struct.pack('<I', 0) + b'\0' * 4   # a{sv}
    flags = NO_REPLY_EXPECTED if kind.startswith('quiet') else 0
    if kind.endswith('list'):
        template = message('org.vmport', *manager, 'ListVirtualMachines', 'a{sv}', empty, flags)
    elif kind.endswith('jobs'):
        template = message('org.vmport', '/org/vmport', 'org.vmport.Daemon', 'ListJobs', 'a{sv}',
                           empty, flags)
    else:
        template = message('org.vmport', *manager, 'NoSuchMethod', '', b'', flags)
    made = [Connection(path) for _ in range(int(connections))]
    print('ready', flush=True)
    begin, sent, turn = time.monotonic(), 0, 0
    while not select.select((sys.stdin,), (), (), 0)[0]:
        due = int((time.monotonic() - begin) * int(rate)) - sent
        if due < 10:
            time.sleep(0.001)
            continue
        due = min(due, 200)
        made[turn % len(made)].send(template, due)
        made[turn % len(made)].drain()
        turn += 1
        sent += due
    print(sent, time.monotonic() - begin, flush=True)


if __name__ == '__main__':
    main()
