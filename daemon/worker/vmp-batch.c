/* Does a list of things, several at a time. */
#include "config.h"

#include "vmp-batch.h"

typedef struct
{
  GPtrArray *items;
  VmpBatchFunc func;
  gpointer data;
  GDestroyNotify stop;
  gpointer stop_data;
  GMutex mutex;
  guint begun;
  GError *error; /* the first */
} Batch;

static gpointer
run_items (gpointer user_data)
{
  Batch *batch = user_data;

  g_mutex_lock (&batch->mutex);
  while (batch->error == NULL && batch->begun < batch->items->len)
    {
      g_autoptr (GError) error = NULL;
      gpointer item = g_ptr_array_index (batch->items, batch->begun++);
      gboolean ok;

      g_mutex_unlock (&batch->mutex);
      ok = batch->func (item, batch->data, &error);
      g_mutex_lock (&batch->mutex);
      if (!ok && batch->error == NULL)
        {
          batch->error = g_steal_pointer (&error);
          batch->stop (batch->stop_data);
        }
    }
  g_mutex_unlock (&batch->mutex);
  return NULL;
}

gboolean
vmp_batch_run (GPtrArray *items, guint n_threads, VmpBatchFunc func, gpointer data,
               GDestroyNotify stop, gpointer stop_data, GError **error)
{
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();
  Batch batch = { .items = items, .func = func, .data = data, .stop = stop, .stop_data = stop_data };

  g_mutex_init (&batch.mutex);
  /* This thread is the first; where no more can be had, it does all of it. */
  for (guint i = 1; i < MIN (n_threads, items->len); i++)
    {
      GThread *thread = g_thread_try_new ("batch", run_items, &batch, NULL);

      if (thread != NULL)
        g_ptr_array_add (threads, thread);
    }
  run_items (&batch);
  for (guint i = 0; i < threads->len; i++)
    g_thread_join (g_ptr_array_index (threads, i));
  g_mutex_clear (&batch.mutex);
  if (batch.error == NULL)
    return TRUE;
  g_propagate_error (error, batch.error);
  return FALSE;
}
