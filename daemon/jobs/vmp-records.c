/* The state directory's part for jobs: a record for each, and the number that comes next.
 *
 * A record is the text of an a{sv}: what the bus shows of the job, and under "Undo" what has to be
 * taken back if the daemon ends before the job does. It is replaced as a whole and flushed before
 * the step that it announces. */
#include "config.h"

#include "vmp-records.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "vmp-at.h"
#include "vmp-error.h"
#include "vmp-fd.h"

#define NEXT_FILE "next-job"
#define MAX_RECORD_BYTES (64 * 1024 * 1024)

struct _VmpRecords
{
  int dirfd;
  guint next;
};

static guint
read_next (int dirfd)
{
  g_autoptr (GBytes) content = vmp_at_read (dirfd, NEXT_FILE, 64, NULL);
  g_autofree char *text = NULL;
  guint64 next = 1;
  gsize size;
  const char *data;

  if (content == NULL)
    return 1;
  data = g_bytes_get_data (content, &size);
  /* An empty file has no data at all. */
  text = g_strstrip (g_strndup (size > 0 ? data : "", size));
  g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT32 - 1, &next, NULL);
  return (guint) next;
}

VmpRecords *
vmp_records_open (const char *state_directory, GError **error)
{
  g_autoptr (VmpRecords) self = g_new0 (VmpRecords, 1);
  g_autofree char *path = g_build_filename (state_directory, "jobs", NULL);
  g_autoptr (GArray) numbers = NULL;

  self->dirfd = -1;
  if (g_mkdir_with_parents (path, 0700) < 0)
    {
      vmp_error_set_errno (error, errno, _ ("Cannot make “%s”"), path);
      return NULL;
    }
  self->dirfd = vmp_at_open_absolute (path, O_RDONLY | O_DIRECTORY, error);
  if (self->dirfd < 0)
    return NULL;
  self->next = read_next (self->dirfd);
  numbers = vmp_records_list (self, error);
  if (numbers == NULL)
    return NULL;
  /* Should the counter have been lost, what is there still counts. */
  for (guint i = 0; i < numbers->len; i++)
    self->next = MAX (self->next, g_array_index (numbers, guint, i) + 1);
  return g_steal_pointer (&self);
}

void
vmp_records_free (VmpRecords *self)
{
  vmp_fd_clear (&self->dirfd);
  g_free (self);
}

/* A number that no job had before and none will have again; 0 on failure. */
guint
vmp_records_next_number (VmpRecords *self, GError **error)
{
  guint number = self->next;
  g_autofree char *text = g_strdup_printf ("%u\n", number + 1);
  g_autoptr (GBytes) content = g_bytes_new (text, strlen (text));

  if (!vmp_at_replace (self->dirfd, NEXT_FILE, content, 0600, error))
    {
      g_prefix_error (error, "Cannot keep the number of the next job: ");
      return 0;
    }
  self->next++;
  return number;
}

/* Replaces the record, flushed. From any thread; one thread at a time for one number. */
gboolean
vmp_records_write (VmpRecords *self, guint number, GVariant *record, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%u", number);
  char *text = g_variant_print (record, TRUE);
  g_autoptr (GBytes) content = g_bytes_new_take (text, strlen (text));

  if (!vmp_at_replace (self->dirfd, name, content, 0600, error))
    {
      g_prefix_error (error, "Cannot keep the record of job %u: ", number);
      return FALSE;
    }
  return TRUE;
}

GVariant *
vmp_records_read (VmpRecords *self, guint number, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%u", number);
  g_autoptr (GBytes) content = vmp_at_read (self->dirfd, name, MAX_RECORD_BYTES, error);
  gsize size;
  const char *text;

  if (content == NULL)
    return NULL;
  text = g_bytes_get_data (content, &size);
  if (size == 0 || !g_utf8_validate (text, (gssize) size, NULL))
    {
      vmp_error_set (error, VMPORT_ERROR_CORRUPT, "The record of job %u is empty, or no text",
                     number);
      return NULL;
    }
  return g_variant_parse (G_VARIANT_TYPE_VARDICT, text, text + size, NULL, error);
}

void
vmp_records_remove (VmpRecords *self, guint number)
{
  g_autofree char *name = g_strdup_printf ("%u", number);

  if (unlinkat (self->dirfd, name, 0) < 0 && errno != ENOENT)
    g_warning ("Cannot remove the record of job %u: %s", number, g_strerror (errno));
}

static gint
compare_numbers (gconstpointer a, gconstpointer b)
{
  guint first = *(const guint *) a, second = *(const guint *) b;

  return first < second ? -1 : first > second;
}

/* The numbers of all records, rising. */
GArray *
vmp_records_list (VmpRecords *self, GError **error)
{
  g_autoptr (GPtrArray) names = vmp_at_list (self->dirfd, ".", G_MAXUINT, error);
  GArray *numbers;

  if (names == NULL)
    return NULL;
  numbers = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      guint64 number;

      if (name[0] == '.')
        {
          /* A replacement that was cut short; the record itself is whole. */
          unlinkat (self->dirfd, name, 0);
          continue;
        }
      if (g_ascii_string_to_unsigned (name, 10, 1, G_MAXUINT32 - 1, &number, NULL))
        {
          guint value = (guint) number;

          g_array_append_val (numbers, value);
        }
    }
  g_array_sort (numbers, compare_numbers);
  return numbers;
}
