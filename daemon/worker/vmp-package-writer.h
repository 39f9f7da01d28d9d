/* Writes a package into a folder of the caller's. */
#pragma once

#include <gio/gio.h>

#include "vmp-pace.h"
#include "vmp-package.h"
#include "vmp-sources.h"

G_BEGIN_DECLS

typedef struct _VmpPackageWriter VmpPackageWriter;

VmpPackageWriter *vmp_package_writer_new (const char *directory, int directory_fd,
                                          const char *subdirectory, const char *token,
                                          GError **error);
GVariant *vmp_package_writer_examine (const char *directory, int directory_fd,
                                      const char *subdirectory, GError **error);
void vmp_package_writer_free (VmpPackageWriter *self);
GVariant *vmp_package_writer_get_place (VmpPackageWriter *self);
GVariant *vmp_package_writer_write (VmpPackageWriter *self, VmpSources *sources, VmpPace *pace,
                                    VmpPackage *package, GVariant *members, GVariant *options,
                                    GError **error);
int vmp_package_writer_make_member (VmpPackageWriter *self, const char *name, GError **error);
void vmp_package_writer_note_filled (VmpPackageWriter *self, const char *name, guint64 copied,
                                     const char *verity);
void vmp_package_writer_note_locator (VmpPackageWriter *self, const char *name,
                                      const char *locator);
gboolean vmp_package_writer_publish (VmpPackageWriter *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmpPackageWriter, vmp_package_writer_free)

G_END_DECLS
