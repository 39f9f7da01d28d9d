/* libvmport: everything in one header. */
#pragma once

#include "vmport-client.h"
#include "vmport-error.h"
#include "vmport-job.h"
#include "vmport-manager.h"
#include "vmport-virtual-machine.h"
