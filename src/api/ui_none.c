#include "api/ui.h"

static const unsigned char page[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Vedette</title>\n"
    "<h1>Vedette is running</h1>\n"
    "<p>This build has no page: the web UI was not built, because npm was missing or <code>-Dui=disabled</code> was "
    "given.</p>\n"
    "<p>To build it: install Node.js and npm (<code>scripts/bootstrap build</code> does), then <code>make clean "
    "build</code>.</p>\n"
    "<p>The API works without it: see <a href=\"docs\">the list of its routes</a>.</p>\n</html>\n";

const struct ui_file ui_files[] = {
    {"/index.html", "text/html; charset=utf-8", page, sizeof page - 1, "\"none\"", false},
};
const size_t ui_file_count = 1;
