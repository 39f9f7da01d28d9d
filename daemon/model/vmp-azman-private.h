/* Between the files that read an authorization store. */
#pragma once

#include <libxml/tree.h>

#include "vmp-azman.h"

G_BEGIN_DECLS

/* Groups and tasks that are nested deeper are nobody's intention. */
#define VMP_AZMAN_MAX_HEIGHT 64

/* A link that still has to be followed. */
typedef enum
{
  VMP_AZMAN_LINK_TASK,
  VMP_AZMAN_LINK_OPERATION,
  VMP_AZMAN_LINK_GROUP,
} VmpAzmanLinkKind;

typedef struct
{
  VmpAzmanLinkKind kind;
  char *guid;
  VmpAzmanScope *home; /* of what links */
  const char *element; /* it, for errors */
  const char *name;
  long line;
  GPtrArray *list;     /* what the target is added to, unless it is an operation */
  guint64 *operations;
} VmpAzmanLink;

/* What a GUID stands for: one of these is set. */
typedef struct
{
  VmpAzmanOperation *operation;
  guint64 operation_bit;
  VmpAzmanTask *task;
  VmpAzmanGroup *group;
} VmpAzmanTarget;

typedef struct
{
  VmpAzman *store;
  const char *what;
  GHashTable *targets; /* from GUIDs; NULL for what cannot be linked to */
  GPtrArray *links;    /* of VmpAzmanLink */
} VmpAzmanReading;

gboolean vmp_azman_error (const VmpAzmanReading *self, long line, const char *element,
                          const char *name, GError **error, const char *format, ...)
    G_GNUC_PRINTF (6, 7);
void vmp_azman_note (VmpAzman *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
gboolean vmp_azman_link (VmpAzmanReading *self, GError **error);
gboolean vmp_azman_check_names (VmpAzmanReading *self, GError **error);

G_END_DECLS
