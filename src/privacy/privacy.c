#include "privacy/privacy.h"
