#include "facts/settings.h"
