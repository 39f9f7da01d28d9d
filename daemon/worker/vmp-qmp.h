/* QEMU as a program that knows disk image formats: started, spoken to in QMP, ended. */
#pragma once

#include <gio/gio.h>

#include "vmp-qmp-answer.h"

G_BEGIN_DECLS

typedef struct _VmpQmp VmpQmp;

/* Starts @program without a machine, fenced in: it may open nothing but itself and what it is made
 * of. The process must hold no descriptor that is nobody else's business, for a moment in which two
 * programs have them. Blocking, as all that follows; not to be called in several threads. */
VmpQmp *vmp_qmp_start (const char *program, GError **error);
/* The same over @socket with a @process that runs already, NULL for somebody else's; takes both. */
VmpQmp *vmp_qmp_new (int socket, GSubprocess *process, GError **error);
/* Kills what still runs. */
void vmp_qmp_free (VmpQmp *self);

/* Executes @command with @arguments (a{sv} or NULL, may be floating) and gives what it returned. With
 * @fd >= 0 that descriptor goes along. */
JsonNode *vmp_qmp_execute (VmpQmp *self, const char *command, GVariant *arguments, int fd,
                           GError **error);
/* The same where there is nothing to be learned from the answer. */
gboolean vmp_qmp_do (VmpQmp *self, const char *command, GVariant *arguments, GError **error);
/* Ends it in order: what it had to write is written. */
gboolean vmp_qmp_quit (VmpQmp *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpQmp, vmp_qmp_free)

G_END_DECLS
