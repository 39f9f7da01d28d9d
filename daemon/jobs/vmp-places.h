/* The places where a worker may open files. */
#pragma once

#include <gio/gio.h>

#include "vmp-landlock.h"

G_BEGIN_DECLS

typedef struct _VmpPlaces VmpPlaces;

VmpPlaces *vmp_places_new (void);
void vmp_places_free (VmpPlaces *self);
void vmp_places_add (VmpPlaces *self, const char *path, VmpPlaceAccess access);
void vmp_places_add_around (VmpPlaces *self, const char *path);
void vmp_places_add_fd (VmpPlaces *self, int fd, VmpPlaceAccess access);
int vmp_places_get_fd (VmpPlaces *self);
GVariant *vmp_places_to_variant (VmpPlaces *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpPlaces, vmp_places_free)

G_END_DECLS
