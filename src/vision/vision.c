#include "vision/vision.h"
