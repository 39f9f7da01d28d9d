/* What a change of a text changes, line by line: for people, with a few lines around it. */
#include "config.h"

#include "vmp-ctl-diff.h"

#include <string.h>

#include "vmp-ctl-text.h"

#define CONTEXT_LINES 3
/* Above this many comparisons the lines between the first and the last change count as changed. */
#define MAX_CELLS (16 * 1024 * 1024)

static void
append_lines (GString *out, char mark, char **lines, gsize from, gsize to)
{
  for (gsize i = from; i < to; i++)
    {
      g_autofree char *clean = vmp_ctl_text_clean (lines[i]);

      g_string_append_printf (out, "%c%s\n", mark, clean);
    }
}

/* The longest common subsequence of @n and @m lines, from its length for all their tails. */
static void
append_changes (GString *out, char **old, gsize n, char **new, gsize m)
{
  g_autofree guint32 *lengths = NULL;
  gsize i = 0, j = 0;

  if (n == 0 || m == 0 || (n + 1) > MAX_CELLS / (m + 1))
    {
      append_lines (out, '-', old, 0, n);
      append_lines (out, '+', new, 0, m);
      return;
    }
  lengths = g_new0 (guint32, (n + 1) * (m + 1));
#define LENGTH(a, b) lengths[(a) * (m + 1) + (b)]
  for (gsize a = n; a-- > 0;)
    for (gsize b = m; b-- > 0;)
      LENGTH (a, b) = strcmp (old[a], new[b]) == 0 ? LENGTH (a + 1, b + 1) + 1
                                                   : MAX (LENGTH (a + 1, b), LENGTH (a, b + 1));
  while (i < n || j < m)
    if (i < n && j < m && strcmp (old[i], new[j]) == 0)
      {
        append_lines (out, ' ', old, i, i + 1);
        i++;
        j++;
      }
    else if (j == m || (i < n && LENGTH (i + 1, j) >= LENGTH (i, j + 1)))
      {
        append_lines (out, '-', old, i, i + 1);
        i++;
      }
    else
      {
        append_lines (out, '+', new, j, j + 1);
        j++;
      }
#undef LENGTH
}

/* Without what stands behind the last line break, which is nothing. */
static char **
split (const char *text)
{
  char **lines = g_strsplit (text != NULL ? text : "", "\n", -1);
  gsize n = g_strv_length (lines);

  if (n > 0 && lines[n - 1][0] == '\0')
    g_clear_pointer (&lines[n - 1], g_free);
  return lines;
}

/* Lines that go and lines that come, from the first change to the last; empty where the texts are
 * the same. @before is NULL where there was none. */
char *
vmp_ctl_diff (const char *name, const char *before, const char *after)
{
  g_auto (GStrv) old = split (before);
  g_auto (GStrv) new = split (after);
  gsize n = g_strv_length (old), m = g_strv_length (new), head = 0, tail = 0, from;
  GString *out = g_string_new (NULL);

  if (g_strcmp0 (before, after) == 0)
    return g_string_free (out, FALSE);
  while (head < n && head < m && strcmp (old[head], new[head]) == 0)
    head++;
  while (tail < n - head && tail < m - head && strcmp (old[n - 1 - tail], new[m - 1 - tail]) == 0)
    tail++;
  from = head > CONTEXT_LINES ? head - CONTEXT_LINES : 0;
  g_string_append_printf (out, "--- %s\n+++ %s\n@@ %" G_GSIZE_FORMAT " @@\n", name, name, from + 1);
  append_lines (out, ' ', old, from, head);
  append_changes (out, old + head, n - head - tail, new + head, m - head - tail);
  append_lines (out, ' ', old, n - tail, MIN (n, n - tail + CONTEXT_LINES));
  return g_string_free (out, FALSE);
}
