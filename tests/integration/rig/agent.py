"""The administrator whom polkit asks: an authentication agent for whoever calls from this process."""

import os
import pathlib
from dataclasses import dataclass

from gi.repository import Gio, GLib

POLKIT = 'org.freedesktop.PolicyKit1'
AUTHORITY = '/org/freedesktop/PolicyKit1/Authority'
PATH = '/org/vmport/tests/Agent'
INTERFACE = Gio.DBusNodeInfo.new_for_xml('''
<node>
  <interface name="org.freedesktop.PolicyKit1.AuthenticationAgent">
    <method name="BeginAuthentication">
      <arg name="action_id" type="s" direction="in"/>
      <arg name="message" type="s" direction="in"/>
      <arg name="icon_name" type="s" direction="in"/>
      <arg name="details" type="a{ss}" direction="in"/>
      <arg name="cookie" type="s" direction="in"/>
      <arg name="identities" type="a(sa{sv})" direction="in"/>
    </method>
    <method name="CancelAuthentication">
      <arg name="cookie" type="s" direction="in"/>
    </method>
  </interface>
</node>''').interfaces[0]


@dataclass
class Prompt:
    """The details of a check stay with polkitd, which puts them into the message."""
    action: str
    message: str


class Agent:
    """Keeps what was asked in prompts, and says yes unless answer(prompt) returns False; a silent one
    never says anything."""

    def __init__(self, bus, answer=lambda prompt: True, silent=False):
        self.connection, self.answer, self.prompts = bus.root, answer, []
        self.silent = silent
        self.object = self.connection.register_object(PATH, INTERFACE, self._called, None, None)
        start = pathlib.Path('/proc/self/stat').read_text().rpartition(')')[2].split()[19]
        self.subject = ('unix-process', {'pid': GLib.Variant('u', os.getpid()),
                                         'start-time': GLib.Variant('t', int(start)),
                                         'uid': GLib.Variant('i', 0)})
        self._tell('RegisterAuthenticationAgent', '((sa{sv})ss)', (self.subject, 'C.UTF-8', PATH))

    def _tell(self, method, signature, arguments, done=None):
        call = (POLKIT, AUTHORITY, f'{POLKIT}.Authority', method,
                GLib.Variant(signature, arguments), None, Gio.DBusCallFlags.NONE, -1, None)
        if done is None:
            self.connection.call_sync(*call)
        else:
            self.connection.call(*call, lambda connection, result: done(
                connection.call_finish(result)))

    def _called(self, _connection, _sender, _path, _interface, method, arguments, invocation):
        if method != 'BeginAuthentication':
            invocation.return_value(None)
            return
        action, message, _, _, cookie, identities = arguments.unpack()
        prompt = Prompt(action, message)
        self.prompts.append(prompt)
        yes = self.answer(prompt)
        if self.silent:
            return
        if not yes:
            invocation.return_value(None)   # answered, and not authenticated
            return
        kind, fields = identities[0]
        identity = (kind, {key: GLib.Variant('u', value) for key, value in fields.items()})
        self._tell('AuthenticationAgentResponse2', '(us(sa{sv}))', (0, cookie, identity),
                   lambda _reply: invocation.return_value(None))

    def close(self):
        self._tell('UnregisterAuthenticationAgent', '((sa{sv})s)', (self.subject, PATH))
        self.connection.unregister_object(self.object)
