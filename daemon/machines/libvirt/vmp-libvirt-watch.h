/* What libvirt tells no event of, heard from the folders in which it keeps it. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _VmpLibvirtWatch VmpLibvirtWatch;

/* Something of the machine called @name changed. */
typedef void (*VmpLibvirtWatchFunc) (const char *name, gpointer data);

VmpLibvirtWatch *vmp_libvirt_watch_new (const char *configuration, const char *state,
                                        VmpLibvirtWatchFunc func, gpointer data);
void vmp_libvirt_watch_look (VmpLibvirtWatch *self);
void vmp_libvirt_watch_free (VmpLibvirtWatch *self);

G_END_DECLS
