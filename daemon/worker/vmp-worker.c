/* The worker's end of the private interface: one caller, one connection, one thing at a time.
 *
 * Whatever touches a file runs in one thread, in the order of the calls; the main loop stays free
 * to say that the worker lives, to change the limit and to hold the copies. */
#include "config.h"

#include "vmp-worker.h"

#include <gio/gunixfdlist.h>
#include <string.h>

#include "vmp-block.h"
#include "vmp-dbus-worker.h"
#include "vmp-error.h"
#include "vmp-fd.h"
#include "vmp-leftover.h"
#include "vmp-member.h"
#include "vmp-pace.h"
#include "vmp-package-reader.h"
#include "vmp-package-writer.h"
#include "vmp-sources.h"

#define TICK_MSEC 100
#define TICKS_PER_SIGN 10

struct _VmpWorker
{
  GObject parent_instance;
  GDBusConnection *connection;
  GThreadPool *thread;
  VmpPace *pace;
  guint registration;
  guint tick;
  guint ticks_since;
  guint64 told_done;
  char *told_place;

  /* Of the thread. */
  VmpSources *sources;
  VmpPackageWriter *writer;
  VmpBlock *block;
  int package_fd;
  int member_fd; /* that is to be filled next */
};

G_DEFINE_FINAL_TYPE (VmpWorker, vmp_worker, G_TYPE_OBJECT)

typedef GVariant *(*Handler) (VmpWorker *self, GVariant *parameters, GUnixFDList *fds,
                              GUnixFDList *fds_out, GError **error);

/* The descriptor of the option @key, owned by the caller, or -1. */
static gboolean
take_fd (GVariant *options, const char *key, GUnixFDList *fds, int *fd, GError **error)
{
  gint32 handle;

  *fd = -1;
  if (!g_variant_lookup (options, key, "h", &handle))
    return TRUE;
  if (fds == NULL || handle < 0 || handle >= g_unix_fd_list_get_length (fds))
    return vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "%s is missing", key);
  *fd = g_unix_fd_list_get (fds, handle, error);
  return *fd >= 0;
}

static GVariant *
open_package (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
              GError **error)
{
  g_autoptr (GVariant) options = NULL;
  vmp_autofd int directory_fd = -1;
  gboolean whole = FALSE;
  const char *directory;
  GVariant *report;

  g_variant_get (parameters, "(&s@a{sv})", &directory, &options);
  if (!take_fd (options, "DirectoryFd", fds, &directory_fd, error))
    return NULL;
  vmp_fd_clear (&self->package_fd);
  self->package_fd = vmp_package_reader_open (directory, directory_fd, error);
  if (self->package_fd < 0)
    return NULL;
  g_variant_lookup (options, "Whole", "b", &whole);
  report = vmp_package_reader_read (self->package_fd, directory_fd < 0 ? directory : NULL, whole,
                                    error);
  return report != NULL ? g_variant_new ("(@a{sv})", report) : NULL;
}

static GVariant *
add_sources (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
             GError **error)
{
  g_autoptr (GVariant) sources = g_variant_get_child_value (parameters, 0);
  GVariant *readings = vmp_sources_add (self->sources, self->package_fd, sources, fds, fds_out,
                                        error);

  return readings != NULL ? g_variant_new ("(@a(ua{sv}))", readings) : NULL;
}

static GVariant *
add_targets (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
             GError **error)
{
  g_autoptr (GVariant) targets = g_variant_get_child_value (parameters, 0);
  GVariant *readings = vmp_sources_add_targets (self->sources, self->package_fd, targets, fds,
                                                fds_out, error);

  return readings != NULL ? g_variant_new ("(@a(ua{sv}))", readings) : NULL;
}

static GVariant *
examine_targets (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
                 GError **error)
{
  g_autoptr (GVariant) folders = g_variant_get_child_value (parameters, 0);

  return g_variant_new ("(@aa{sv})", vmp_sources_examine_targets (self->package_fd, folders));
}

static GVariant *
copy (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
      GError **error)
{
  g_autoptr (GVariant) items = g_variant_get_child_value (parameters, 0);
  GVariant *results = vmp_sources_copy (self->sources, items, error);

  return results != NULL ? g_variant_new ("(@a(ua{sv}))", results) : NULL;
}

static GVariant *
publish_targets (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
                 GError **error)
{
  return vmp_sources_publish_targets (self->sources, error) ? g_variant_new ("()") : NULL;
}

static GVariant *
examine (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
         GError **error)
{
  g_autoptr (GVariant) options = NULL;
  vmp_autofd int directory_fd = -1;
  const char *directory, *subdirectory = "";
  GVariant *place;

  g_variant_get (parameters, "(&s@a{sv})", &directory, &options);
  g_variant_lookup (options, "Subdirectory", "&s", &subdirectory);
  if (!take_fd (options, "DirectoryFd", fds, &directory_fd, error))
    return NULL;
  place = vmp_package_writer_examine (directory, directory_fd, subdirectory, error);
  return place != NULL ? g_variant_new ("(@a{sv})", place) : NULL;
}

static GVariant *
prepare (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
         GError **error)
{
  g_autoptr (GVariant) options = NULL;
  vmp_autofd int directory_fd = -1;
  const char *directory, *subdirectory = "", *token;

  g_variant_get (parameters, "(&s@a{sv})", &directory, &options);
  g_variant_lookup (options, "Subdirectory", "&s", &subdirectory);
  if (!g_variant_lookup (options, "Token", "&s", &token))
    {
      vmp_error_set (error, VMPORT_ERROR_INVALID_PARAMETER, "The place has no token");
      return NULL;
    }
  if (!take_fd (options, "DirectoryFd", fds, &directory_fd, error))
    return NULL;
  g_clear_pointer (&self->writer, vmp_package_writer_free);
  self->writer = vmp_package_writer_new (directory, directory_fd, subdirectory, token, error);
  if (self->writer == NULL)
    return NULL;
  return g_variant_new ("(@a{sv})", vmp_package_writer_get_place (self->writer));
}

static gboolean
has_writer (VmpWorker *self, GError **error)
{
  if (self->writer == NULL)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_STATE, "No place was prepared");
  return TRUE;
}

/* An empty member, whose descriptor goes to the daemon. */
static GVariant *
make_member (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
             GError **error)
{
  vmp_autofd int fd = -1;
  const char *name;
  int handle;

  g_variant_get (parameters, "(&s)", &name);
  if (!has_writer (self, error))
    return NULL;
  fd = vmp_package_writer_make_member (self->writer, name, error);
  if (fd < 0)
    return NULL;
  handle = g_unix_fd_list_append (fds_out, fd, error);
  if (handle < 0)
    return NULL;
  vmp_fd_clear (&self->member_fd);
  self->member_fd = vmp_fd_steal (&fd);
  return g_variant_new ("(h)", handle);
}

static GVariant *
fill_member (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
             GError **error)
{
  g_autoptr (GVariant) options = NULL;
  vmp_autofd int source = -1;
  vmp_autofd int target = -1;
  vmp_autofd int member = vmp_fd_steal (&self->member_fd);
  g_autofree char *verity = NULL;
  g_autofree char *locator = NULL;
  const char *name;
  guint64 copied;

  g_variant_get (parameters, "(&s@a{sv})", &name, &options);
  if (!has_writer (self, error))
    return NULL;
  if (member < 0)
    {
      vmp_error_set (error, VMPORT_ERROR_INVALID_STATE, "No member was made");
      return NULL;
    }
  if (!take_fd (options, "Source", fds, &source, error)
      || !take_fd (options, "Target", fds, &target, error)
      || !vmp_member_fill (member, name, vmp_fd_steal (&source), vmp_fd_steal (&target), options,
                           self->pace, &copied, &verity, &locator, error))
    return NULL;
  vmp_package_writer_note_filled (self->writer, name, copied, verity);
  vmp_package_writer_note_locator (self->writer, name, locator);
  return g_variant_new ("(t)", copied);
}

static GVariant *
start_block (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
             GError **error)
{
  const char *program;

  g_variant_get (parameters, "(&s)", &program);
  g_clear_pointer (&self->block, vmp_block_free);
  self->block = vmp_block_start (program, error);
  return self->block != NULL ? g_variant_new ("()") : NULL;
}

static gboolean
has_block (VmpWorker *self, GError **error)
{
  if (self->block == NULL)
    return vmp_error_set (error, VMPORT_ERROR_INVALID_STATE, "QEMU was not started");
  return TRUE;
}

static GVariant *
add_block_images (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
                  GError **error)
{
  g_autoptr (GVariant) images = g_variant_get_child_value (parameters, 0);
  GVariantIter iter;
  GVariant *child;

  if (!has_block (self, error))
    return NULL;
  g_variant_iter_init (&iter, images);
  while (g_variant_iter_next (&iter, "@a{sv}", &child))
    {
      g_autoptr (GVariant) options = child;
      vmp_autofd int fd = -1;

      if (!take_fd (options, "Fd", fds, &fd, error)
          || !vmp_block_add_image (self->block, vmp_fd_steal (&fd), options, error))
        return NULL;
    }
  return g_variant_new ("()");
}

static GVariant *
open_block (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
            GError **error)
{
  g_autoptr (GVariant) options = g_variant_get_child_value (parameters, 0);
  vmp_autofd int target = -1;
  GVariant *reply;

  if (!has_block (self, error) || !take_fd (options, "Target", fds, &target, error))
    return NULL;
  reply = vmp_block_open (self->block, vmp_fd_steal (&target), options, fds_out, error);
  return reply != NULL ? g_variant_new ("(@a{sv})", reply) : NULL;
}

static GVariant *
close_block (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
             GError **error)
{
  gboolean ok = has_block (self, error) && vmp_block_close (self->block, error);

  g_clear_pointer (&self->block, vmp_block_free);
  return ok ? g_variant_new ("()") : NULL;
}

static GVariant *
write_package (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
               GError **error)
{
  g_autoptr (GVariant) plan = NULL;
  g_autoptr (GVariant) members = NULL;
  g_autoptr (GVariant) options = NULL;
  g_autoptr (VmpPackage) package = NULL;
  GVariant *result;

  if (!has_writer (self, error))
    return NULL;
  g_variant_get (parameters, "(v@a(usa{sv})@a{sv})", &plan, &members, &options);
  package = vmp_package_new_from_variant (plan, error);
  if (package == NULL)
    return NULL;
  result = vmp_package_writer_write (self->writer, self->sources, self->pace, package, members,
                                     options, error);
  return result != NULL ? g_variant_new ("(@a{sv})", result) : NULL;
}

static GVariant *
publish (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
         GError **error)
{
  if (!has_writer (self, error) || !vmp_package_writer_publish (self->writer, error))
    return NULL;
  return g_variant_new ("()");
}

static GVariant *
remove_left (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
             GError **error)
{
  g_autoptr (GVariant) left = g_variant_get_child_value (parameters, 0);
  vmp_autofd int directory_fd = -1;

  if (!take_fd (left, "DirectoryFd", fds, &directory_fd, error)
      || !vmp_leftover_remove (left, directory_fd, error))
    return NULL;
  return g_variant_new ("()");
}

static GVariant *
remove_path (VmpWorker *self, GVariant *parameters, GUnixFDList *fds, GUnixFDList *fds_out,
             GError **error)
{
  const char *kind, *path;

  g_variant_get (parameters, "(&s&s)", &kind, &path);
  return vmp_leftover_remove_path (kind, path, error) ? g_variant_new ("()") : NULL;
}

static const struct
{
  const char *method;
  Handler handler;
} handlers[] = {
  { "OpenPackage", open_package },
  { "AddSources", add_sources },
  { "AddTargets", add_targets },
  { "ExamineTargets", examine_targets },
  { "Copy", copy },
  { "PublishTargets", publish_targets },
  { "Examine", examine },
  { "Prepare", prepare },
  { "MakeMember", make_member },
  { "FillMember", fill_member },
  { "WritePackage", write_package },
  { "Publish", publish },
  { "Remove", remove_left },
  { "RemovePath", remove_path },
  { "StartBlock", start_block },
  { "AddBlockImages", add_block_images },
  { "OpenBlock", open_block },
  { "CloseBlock", close_block },
};

static void
run_call (gpointer data, gpointer user_data)
{
  VmpWorker *self = user_data;
  GDBusMethodInvocation *invocation = data;
  const char *method = g_dbus_method_invocation_get_method_name (invocation);
  GUnixFDList *fds = g_dbus_message_get_unix_fd_list (
      g_dbus_method_invocation_get_message (invocation));
  g_autoptr (GUnixFDList) fds_out = g_unix_fd_list_new ();
  g_autoptr (GError) error = NULL;
  GVariant *reply = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (handlers); i++)
    if (strcmp (handlers[i].method, method) == 0)
      {
        reply = handlers[i].handler (self, g_dbus_method_invocation_get_parameters (invocation),
                                     fds, fds_out, &error);
        if (reply != NULL)
          g_dbus_method_invocation_return_value_with_unix_fd_list (invocation, reply, fds_out);
        else
          g_dbus_method_invocation_take_error (invocation, g_steal_pointer (&error));
        return;
      }
  g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD,
                                         "There is no method %s", method);
}

static void
method_call (GDBusConnection *connection, const char *sender, const char *object_path,
             const char *interface_name, const char *method_name, GVariant *parameters,
             GDBusMethodInvocation *invocation, gpointer user_data)
{
  VmpWorker *self = user_data;

  if (strcmp (method_name, "SetLimit") == 0)
    {
      guint64 limit;

      g_variant_get (parameters, "(t)", &limit);
      vmp_pace_set_limit (self->pace, limit);
      g_dbus_method_invocation_return_value (invocation, NULL);
      return;
    }
  if (strcmp (method_name, "Hold") == 0)
    {
      gboolean hold;

      g_variant_get (parameters, "(b)", &hold);
      vmp_pace_hold (self->pace, hold);
      g_dbus_method_invocation_return_value (invocation, NULL);
      return;
    }
  g_thread_pool_push (self->thread, invocation, NULL);
}

static void
tell (guint64 done, const char *phase, const char *file, gpointer data)
{
  VmpWorker *self = data;

  g_dbus_connection_emit_signal (self->connection, NULL, VMP_WORKER_PATH, VMP_WORKER_INTERFACE,
                                 "Progress", g_variant_new ("(tss)", done, phase, file), NULL);
}

static gboolean
on_tick (gpointer data)
{
  VmpWorker *self = data;
  g_autofree char *phase = NULL;
  g_autofree char *file = NULL;
  g_autofree char *place = NULL;
  guint64 done;

  vmp_pace_read (self->pace, &done, &phase, &file);
  place = g_strdup_printf ("%s/%s", phase, file);
  self->ticks_since++;
  if (done == self->told_done && g_strcmp0 (place, self->told_place) == 0
      && self->ticks_since < TICKS_PER_SIGN)
    return G_SOURCE_CONTINUE;
  self->ticks_since = 0;
  self->told_done = done;
  g_free (self->told_place);
  self->told_place = g_steal_pointer (&place);
  tell (done, phase, file, self);
  return G_SOURCE_CONTINUE;
}

static void
vmp_worker_finalize (GObject *object)
{
  VmpWorker *self = VMP_WORKER (object);

  g_clear_handle_id (&self->tick, g_source_remove);
  if (self->registration != 0)
    g_dbus_connection_unregister_object (self->connection, self->registration);
  if (self->pace != NULL)
    vmp_pace_stop (self->pace);
  if (self->thread != NULL)
    g_thread_pool_free (self->thread, TRUE, TRUE);
  g_clear_pointer (&self->writer, vmp_package_writer_free);
  g_clear_pointer (&self->sources, vmp_sources_free);
  g_clear_pointer (&self->block, vmp_block_free);
  vmp_fd_clear (&self->package_fd);
  vmp_fd_clear (&self->member_fd);
  g_clear_pointer (&self->pace, vmp_pace_free);
  g_clear_object (&self->connection);
  g_free (self->told_place);
  G_OBJECT_CLASS (vmp_worker_parent_class)->finalize (object);
}

static void
vmp_worker_class_init (VmpWorkerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vmp_worker_finalize;
}

static void
vmp_worker_init (VmpWorker *self)
{
  self->package_fd = -1;
  self->member_fd = -1;
}

VmpWorker *
vmp_worker_new (GDBusConnection *connection, GError **error)
{
  static const GDBusInterfaceVTable vtable = { .method_call = method_call };
  g_autoptr (VmpWorker) self = g_object_new (VMP_TYPE_WORKER, NULL);

  self->connection = g_object_ref (connection);
  self->pace = vmp_pace_new ();
  vmp_pace_on_phase (self->pace, tell, self);
  self->sources = vmp_sources_new (self->pace);
  self->thread = g_thread_pool_new (run_call, self, 1, TRUE, error);
  if (self->thread == NULL)
    return NULL;
  self->registration = g_dbus_connection_register_object (
      connection, VMP_WORKER_PATH, vmp_dbus_worker_interface_info (), &vtable, self, NULL, error);
  if (self->registration == 0)
    return NULL;
  self->tick = g_timeout_add (TICK_MSEC, on_tick, self);
  return g_steal_pointer (&self);
}
