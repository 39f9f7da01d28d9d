/* The places where a worker may open files: what its job names, known before it reads anything.
 *
 * The worker's fence is made of them (daemon/worker/vmp-confine.c), so that one that was taken over by
 * what it reads cannot reach the rest of its caller's files. */
#include "config.h"

#include "vmp-places.h"

typedef struct
{
  char *path; /* empty: the descriptor */
  VmpPlaceAccess access;
} Place;

struct _VmpPlaces
{
  GArray *places;
  int fd; /* borrowed, or -1 */
};

static void
place_clear (gpointer data)
{
  g_free (((Place *) data)->path);
}

VmpPlaces *
vmp_places_new (void)
{
  VmpPlaces *self = g_new0 (VmpPlaces, 1);

  self->places = g_array_new (FALSE, FALSE, sizeof (Place));
  g_array_set_clear_func (self->places, place_clear);
  self->fd = -1;
  return self;
}

void
vmp_places_free (VmpPlaces *self)
{
  g_array_unref (self->places);
  g_free (self);
}

/* @path and what lies beneath it. A relative one lies beneath the directory that came open, which is
 * a place of its own. What is to be made, and is missing, is made in the folder above it. */
void
vmp_places_add (VmpPlaces *self, const char *path, VmpPlaceAccess access)
{
  Place place = { NULL, access };

  if (path[0] != '/')
    return;
  place.path = g_strdup (path);
  g_array_append_val (self->places, place);
}

/* For what is to be removed, along with its name: the folder that it is in, and where it leads. */
void
vmp_places_add_around (VmpPlaces *self, const char *path)
{
  g_autofree char *above = g_path_get_dirname (path);

  vmp_places_add (self, above, VMP_PLACE_MAKE);
  vmp_places_add (self, path, VMP_PLACE_MAKE);
}

/* @fd has to outlive the places; there is at most one. */
void
vmp_places_add_fd (VmpPlaces *self, int fd, VmpPlaceAccess access)
{
  Place place = { g_strdup (""), access };

  g_return_if_fail (self->fd < 0);

  self->fd = fd;
  g_array_append_val (self->places, place);
}

int
vmp_places_get_fd (VmpPlaces *self)
{
  return self->fd;
}

/* a(su), floating; the part of an identity that is about places (vmp-sandbox.h). */
GVariant *
vmp_places_to_variant (VmpPlaces *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(su)"));
  for (guint i = 0; i < self->places->len; i++)
    {
      Place *place = &g_array_index (self->places, Place, i);

      g_variant_builder_add (&builder, "(su)", place->path, (guint32) place->access);
    }
  return g_variant_builder_end (&builder);
}
