#include "frame/frame.h"
