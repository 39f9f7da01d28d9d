/* A vmportd that does what a test tells it to, on a thread and a connection of its own. */
#pragma once

#include "vmport-dbus.h"

typedef struct _FakeDaemon FakeDaemon;

FakeDaemon *fake_daemon_new (const char *address);
/* Takes the bus name: clients can see it from now on. */
void fake_daemon_appear (FakeDaemon *fake);
void fake_daemon_free (FakeDaemon *fake);

/* Makes the job with that number; a final @state ends it at once. */
void fake_daemon_add_job (FakeDaemon *fake, guint number, guint state, const char *error_name);
void fake_daemon_progress (FakeDaemon *fake, guint number, guint percent, guint64 done,
                           guint64 total, const char *phase);
void fake_daemon_end_job (FakeDaemon *fake, guint number, guint state, const char *error_name);
/* Blocks until somebody waits for the job. */
void fake_daemon_await_wait (FakeDaemon *fake, guint number);
void fake_daemon_set_managers (FakeDaemon *fake, const char *const *paths);
guint64 fake_daemon_get_last_inode (FakeDaemon *fake);
GVariant *fake_daemon_dup_last_settings (FakeDaemon *fake);
void fake_daemon_set_import_settings (FakeDaemon *fake, GVariant *settings);
void fake_daemon_set_findings (FakeDaemon *fake, GVariant *findings);
/* Adds a virtual machine and tells so, or changes its name. */
void fake_daemon_put_machine (FakeDaemon *fake, const char *path, const char *name);
void fake_daemon_announce_machine (FakeDaemon *fake, const char *path);
void fake_daemon_remove_machine (FakeDaemon *fake, const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeDaemon, fake_daemon_free)
