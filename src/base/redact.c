#include "base/redact.h"

#include <glib.h>
#include <string.h>

static const char hidden[] = "***";

/* Where the host begins in what follows "://". Fit for anything, also what does not parse: everything up to the last
 * '@' before the path may be a login. */
static const char *after_login(const char *rest)
{
    const char *at = NULL;
    for (const char *c = rest; *c && *c != '/'; c++)
        if (*c == '@')
            at = c;
    if (!at) /* a password may hold a '/': then the '@' comes later */
        at = strrchr(rest, '@');
    return at ? at + 1 : rest;
}

static bool is_secret_name(const char *name, size_t length)
{
    static const char *const words[] = {"pass", "pwd",  "psw",  "pw",  "token", "secret", "key",
                                        "auth", "user", "sign", "usr", "login", "cred"};
    g_autofree char *lower = g_ascii_strdown(name, (gssize)length);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (strstr(lower, words[i]))
            return true;
    return false;
}

/* Copies, with the values of secret parameters hidden. A value ends where the next parameter can begin; '_' and ','
 * part parameters too (user=admin_password=x_channel=1), but may as well be part of a password, so they do not end one.
 */
static void append_parameters(GString *out, const char *text)
{
    static const char separators[] = "/?&;";
    while (*text) {
        size_t part = strcspn(text, separators), name = strcspn(text, "=");
        bool is_hidden = name < part && is_secret_name(text, name);
        g_string_append_len(out, text, (gssize)(is_hidden ? name + 1 : part));
        if (is_hidden)
            g_string_append(out, hidden);
        text += part;
        if (*text)
            g_string_append_c(out, *text++);
    }
}

char *redact_address(const char *address)
{
    const char *scheme_end = address ? strstr(address, "://") : NULL;
    if (!scheme_end) { /* no address; but "user:secret@host" might have been meant as one */
        const char *last = address ? strrchr(address, '@') : NULL, *colon = last ? strchr(address, ':') : NULL;
        return colon && colon < last ? g_strconcat(hidden, "@", last + 1, NULL) : g_strdup(address ? address : "");
    }
    const char *rest = scheme_end + 3, *host = after_login(rest);
    GString *out = g_string_new_len(address, rest - address);
    if (host != rest)
        g_string_append_printf(out, "%s@", hidden);
    append_parameters(out, host);
    return g_string_free(out, FALSE);
}

bool redact_is_in(const char *address)
{
    return address && strstr(address, hidden);
}
