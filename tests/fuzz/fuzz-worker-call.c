/* What a worker is told, of any kind: a list of calls, a(sv), in GVariant's text, each with the arguments
 * that org.vmport.Worker.xml states. They are served in a folder of the target's own; nothing with an
 * absolute path is tried, for it would be done. */
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "vmp-at.h"
#include "vmp-fd.h"
#include "vmp-leftover.h"
#include "vmp-package-reader.h"
#include "vmp-package-writer.h"
#include "vmp-sandbox.h"
#include "vmp-sources.h"

typedef struct
{
  int package;
  VmpPace *pace;
  VmpSources *sources;
  VmpPackageWriter *writer;
  GUnixFDList *fds;
  GUnixFDList *fds_out;
} Worker;

static int scratch = -1;

static GVariant *
open_package (Worker *self, GVariant *arguments, GError **error)
{
  return vmp_package_reader_read (self->package, NULL, TRUE, error);
}

static GVariant *
add_sources (Worker *self, GVariant *arguments, GError **error)
{
  return vmp_sources_add (self->sources, self->package, arguments, self->fds, self->fds_out, error);
}

static GVariant *
add_targets (Worker *self, GVariant *arguments, GError **error)
{
  return vmp_sources_add_targets (self->sources, self->package, arguments, self->fds,
                                  self->fds_out, error);
}

static GVariant *
examine_targets (Worker *self, GVariant *arguments, GError **error)
{
  return vmp_sources_examine_targets (self->package, arguments);
}

static GVariant *
copy (Worker *self, GVariant *arguments, GError **error)
{
  return vmp_sources_copy (self->sources, arguments, error);
}

static GVariant *
publish_targets (Worker *self, GVariant *arguments, GError **error)
{
  return vmp_sources_publish_targets (self->sources, error) ? g_variant_new ("()") : NULL;
}

static GVariant *
examine (Worker *self, GVariant *arguments, GError **error)
{
  const char *subdirectory = "";

  g_variant_lookup (arguments, "Subdirectory", "&s", &subdirectory);
  return vmp_package_writer_examine ("", self->package, subdirectory, error);
}

static GVariant *
prepare (Worker *self, GVariant *arguments, GError **error)
{
  const char *subdirectory = "", *token = "";

  g_variant_lookup (arguments, "Subdirectory", "&s", &subdirectory);
  g_variant_lookup (arguments, "Token", "&s", &token);
  g_clear_pointer (&self->writer, vmp_package_writer_free);
  self->writer = vmp_package_writer_new ("", self->package, subdirectory, token, error);
  return self->writer != NULL ? vmp_package_writer_get_place (self->writer) : NULL;
}

static GVariant *
make_member (Worker *self, GVariant *arguments, GError **error)
{
  const char *name = g_variant_get_string (arguments, NULL);
  vmp_autofd int fd = self->writer != NULL
                          ? vmp_package_writer_make_member (self->writer, name, error)
                          : -1;

  if (fd < 0)
    return NULL;
  vmp_package_writer_note_filled (self->writer, name, 0, NULL);
  return g_variant_new ("()");
}

static GVariant *
write_package (Worker *self, GVariant *arguments, GError **error)
{
  g_autoptr (GVariant) plan = NULL;
  g_autoptr (GVariant) members = NULL;
  g_autoptr (GVariant) options = NULL;
  g_autoptr (VmpPackage) package = NULL;

  g_variant_get (arguments, "(v@a(usa{sv})@a{sv})", &plan, &members, &options);
  package = vmp_package_new_from_variant (plan, error);
  if (package == NULL || self->writer == NULL)
    return NULL;
  return vmp_package_writer_write (self->writer, self->sources, self->pace, package, members,
                                   options, error);
}

static GVariant *
publish (Worker *self, GVariant *arguments, GError **error)
{
  return self->writer != NULL && vmp_package_writer_publish (self->writer, error)
             ? g_variant_new ("()")
             : NULL;
}

static GVariant *
take_back (Worker *self, GVariant *arguments, GError **error)
{
  return vmp_leftover_remove (arguments, self->package, error) ? g_variant_new ("()") : NULL;
}

static const struct
{
  const char *method;
  const char *type;
  GVariant *(*serve) (Worker *self, GVariant *arguments, GError **error);
} methods[] = {
  { "OpenPackage", "()", open_package },
  { "AddSources", "a(ua{sv})", add_sources },
  { "AddTargets", "a(ua{sv})", add_targets },
  { "ExamineTargets", "a(sas)", examine_targets },
  { "Copy", "a(ua{sv})", copy },
  { "PublishTargets", "()", publish_targets },
  { "Examine", "a{sv}", examine },
  { "Prepare", "a{sv}", prepare },
  { "MakeMember", "s", make_member },
  { "WritePackage", "(va(usa{sv})a{sv})", write_package },
  { "Publish", "()", publish },
  { "Remove", "a{sv}", take_back },
};

static gboolean
names_a_path (GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return g_variant_get_string (value, NULL)[0] == '/';
  if (!g_variant_is_container (value))
    return FALSE;
  for (gsize i = 0; i < g_variant_n_children (value); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      if (names_a_path (child))
        return TRUE;
    }
  return FALSE;
}

static void
put (int dirfd, const char *name, const char *content)
{
  vmp_autofd int fd = vmp_at_open (dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0600, NULL);

  g_assert_cmpint (write (fd, content, strlen (content)), ==, (gssize) strlen (content));
}

/* A folder as it is each time. */
static int
make_folder (void)
{
  g_autoptr (GError) error = NULL;
  int fd;

  if (scratch < 0)
    {
      g_autofree char *path = g_dir_make_tmp ("vmport-fuzz-XXXXXX", &error);

      g_assert_no_error (error);
      scratch = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      g_assert_cmpint (scratch, >=, 0);
    }
  vmp_at_remove_tree (scratch, "in", &error);
  g_assert_no_error (error);
  vmp_at_mkdir_parents (scratch, "in/folder", 0700, &error);
  g_assert_no_error (error);
  fd = vmp_at_open (scratch, "in", O_RDONLY | O_DIRECTORY, 0, &error);
  g_assert_no_error (error);
  put (fd, "disk.raw", "the disk");
  put (fd, "old.xml",
       "<domain type='kvm'><name>old</name><memory>65536</memory><os><type arch='x86_64' "
       "machine='pc'>hvm</type></os></domain>");
  g_assert_cmpint (symlinkat ("../..", fd, "link"), ==, 0);
  return fd;
}

static void
serve_all (Worker *self, GVariant *calls)
{
  GVariantIter iter;
  const char *method;
  GVariant *value;

  g_variant_iter_init (&iter, calls);
  while (g_variant_iter_next (&iter, "(&sv)", &method, &value))
    {
      g_autoptr (GVariant) arguments = value;

      for (gsize i = 0; i < G_N_ELEMENTS (methods); i++)
        {
          g_autoptr (GError) error = NULL;
          g_autoptr (GVariant) reply = NULL;

          if (strcmp (method, methods[i].method) != 0
              || !g_variant_is_of_type (arguments, G_VARIANT_TYPE (methods[i].type)))
            continue;
          reply = methods[i].serve (self, arguments, &error);
          if (reply != NULL)
            g_variant_ref_sink (reply);
          g_assert_true (reply == NULL || error == NULL);
        }
    }
}

static void
serve (GVariant *calls)
{
  g_autoptr (VmpPace) pace = vmp_pace_new ();
  g_autoptr (VmpSources) sources = vmp_sources_new (pace);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GUnixFDList) fds_out = g_unix_fd_list_new ();
  vmp_autofd int package = make_folder ();
  vmp_autofd int target = memfd_create ("target", MFD_CLOEXEC);
  Worker worker = { package, pace, sources, NULL, fds, fds_out };

  g_unix_fd_list_append (fds, target, NULL);
  g_unix_fd_list_append (fds, package, NULL);
  serve_all (&worker, calls);
  g_clear_pointer (&worker.writer, vmp_package_writer_free);
}

/* Who it is to be, which comes before all calls. */
static void
hear_identity (const uint8_t *data, size_t size)
{
  g_autoptr (GVariant) identity = NULL;
  g_autoptr (GError) error = NULL;
  vmp_autofd int worker = -1;
  vmp_autofd int daemon = -1;
  vmp_autofd int passed = -1;
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  worker = ends[0];
  daemon = ends[1];
  if (size > 65536 || size == 0)
    return;
  g_assert_cmpint (send (daemon, data, size, MSG_DONTWAIT), ==, (gssize) size);
  vmp_fd_clear (&daemon);
  if (vmp_sandbox_read_identity (worker, &identity, &passed, &error))
    g_assert_true (g_variant_is_of_type (identity, G_VARIANT_TYPE (VMP_IDENTITY_TYPE))
                   && g_variant_is_normal_form (identity));
  else
    g_assert_nonnull (error);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GVariant) calls = NULL;

  hear_identity (data, size);
  if (size > 0 && g_utf8_validate ((const char *) data, (gssize) size, NULL))
    calls = g_variant_parse (G_VARIANT_TYPE ("a(sv)"), (const char *) data,
                             (const char *) data + size, NULL, NULL);
  if (calls != NULL && !names_a_path (calls))
    serve (calls);
  return 0;
}
