/* libvmport: everything in one header. */
#pragma once

#include "vmport-client.h"
#include "vmport-error.h"
#include "vmport-export-settings.h"
#include "vmport-finding.h"
#include "vmport-import-settings.h"
#include "vmport-job.h"
#include "vmport-manager.h"
#include "vmport-settings.h"
#include "vmport-snapshot.h"
#include "vmport-virtual-machine-list.h"
#include "vmport-virtual-machine.h"
