/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's command line.
 *
 * Words separated by blanks; a double quote begins and ends a stretch in which
 * blanks belong to the word; a backslash takes the next character as it is.
 * That is how GRUB 2 writes an argument with blanks, and how a person does.
 * A first word that is no option and looks like a file is the image's own name, which some
 * multiboot loaders put there (Multiboot 0.6.96 3.3, `cmdline`).
 *
 * Every option is one line of the table below; nothing else knows its name.
 */
#include <taproot/fmt.h>
#include <taproot/log.h>
#include <taproot/option.h>
#include <taproot/string.h>

#define SIZE_MIN (16 * MIB)

enum kind { KIND_FLAG, KIND_CHOICE, KIND_SIZE, KIND_NUMBER, KIND_VERSION, KIND_TEXT };

struct choice {
	const char *name;
	uint8_t value;
};

struct entry {
	const char *name;
	enum kind kind;
	size_t where;                 /* offset in struct options */
	size_t room;                  /* bytes there */
	const struct choice *choices; /* KIND_CHOICE: ends with a NULL name */
	const char *help;
};

static const struct choice consoles[] = {
	{"com1", PORT_COM1}, {"com2", PORT_COM2}, {"none", PORT_NONE}, {NULL, 0}};
static const struct choice recorders[] = {{"com2", PORT_COM2}, {"none", PORT_NONE}, {NULL, 0}};
static const struct choice levels[] = {{"error", LOG_ERROR},
				       {"notice", LOG_NOTICE},
				       {"info", LOG_INFO},
				       {"trace", LOG_TRACE},
				       {NULL, 0}};
static const struct choice switches[] = {{"on", true}, {"off", false}, {NULL, 0}};

static const struct choice iommus[] = {{"auto", OPTION_IOMMU_AUTO},
				       {"off", OPTION_IOMMU_OFF},
				       {"required", OPTION_IOMMU_REQUIRED},
				       {NULL, 0}};

static const struct choice abis[] = {{"xen", ABI_XEN}, {"native", ABI_NATIVE}, {NULL, 0}};

#define FIELD(f) offsetof(struct options, f), sizeof(((struct options *)0)->f)

static const struct entry table[] = {
	{"console", KIND_CHOICE, FIELD(console), consoles,
	 "console=com1|com2|none: where the log goes (com1)"},
	{"loglvl", KIND_CHOICE, FIELD(loglvl), levels,
	 "loglvl=error|notice|info|trace: how much is logged (info)"},
	{"dom0_mem", KIND_SIZE, FIELD(dom0_mem), NULL,
	 "dom0_mem=SIZE: memory of the hardware domain, with suffix K, M or G (all)"},
	{"dom0_cpu", KIND_NUMBER, FIELD(dom0_cpu), NULL,
	 "dom0_cpu=N: number of the processor that runs the hardware domain's first vCPU (0)"},
	{"dom0_max_vcpus", KIND_NUMBER, FIELD(dom0_max_vcpus), NULL,
	 "dom0_max_vcpus=N: how many processors the hardware domain gets (all)"},
	{"dom0_cmdline", KIND_TEXT, FIELD(dom0_cmdline), NULL,
	 "dom0_cmdline=\"TEXT\": added to the command line of the hardware domain"},
	{"noreboot", KIND_FLAG, FIELD(noreboot), NULL,
	 "noreboot: halt instead of resetting after a refusal or a crash"},
	{"record", KIND_CHOICE, FIELD(record), recorders,
	 "record=com2|none: write the recording of config accesses there (none)"},
	{"x2apic", KIND_CHOICE, FIELD(x2apic), switches,
	 "x2apic=on|off: use the machine's x2APIC mode where there is one (on)"},
	{"iommu", KIND_CHOICE, FIELD(iommu), iommus,
	 "iommu=auto|off|required: use the IOMMU where there is one, never, or not boot without "
	 "(auto)"},
	{"abi", KIND_CHOICE, FIELD(abi), abis,
	 "abi=xen|native: whether the hardware domain finds the Xen guest ABI (xen)"},
	{"abi_version", KIND_VERSION, FIELD(abi_version), NULL,
	 "abi_version=MAJOR.MINOR: the version of Xen that is reported (4.17)"},
	{"help", KIND_FLAG, FIELD(help), NULL, "help: list the options"},
};

#define OPTION_DEFAULTS                                                                            \
	{                                                                                          \
		.console = PORT_COM1, .record = PORT_NONE, .loglvl = LOG_INFO, .x2apic = true,     \
		.abi = ABI_XEN, .abi_version = 4u << 16 | 17,                                      \
	}

struct options options = OPTION_DEFAULTS;

static const struct options defaults = OPTION_DEFAULTS;

/* One word of the command line. `text` is cut at the buffer's size; `cut` says so. */
struct word {
	char text[OPTION_CMDLINE_MAX];
	bool cut;
	bool open; /* a quote was not closed */
};

/* Too large for a stack frame; boot parses one command line at a time. */
static struct word word;

/* Take the next word at *p into `word`; false at the end. */
static bool next_word(const char **p)
{
	const char *s = *p;
	size_t n = 0;

	while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r') {
		s++;
	}
	word.cut = false;
	word.open = false;
	if (*s == '\0') {
		*p = s;
		return false;
	}
	for (; *s != '\0'; s++) {
		if (*s == '"') {
			word.open = !word.open;
			continue;
		}
		if (!word.open && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')) {
			break;
		}
		if (*s == '\\' && s[1] != '\0') {
			s++;
		}
		if (n + 1 < sizeof(word.text)) {
			word.text[n++] = *s;
		} else {
			word.cut = true;
		}
	}
	word.text[n] = '\0';
	*p = s;
	return true;
}

/* The entry whose name is the first `len` characters of `name`. */
static const struct entry *find(const char *name, size_t len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		if (strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0) {
			return &table[i];
		}
	}
	return NULL;
}

/* "512M" and the like, a multiple of a page. */
static bool parse_size(const char *s, uint64_t *value)
{
	const char *end;
	unsigned shift;

	if (fmt_parse_u64(s, &end, value) != 0) {
		return false;
	}
	switch (*end) {
	case 'K':
	case 'k':
		shift = 10;
		break;
	case 'M':
	case 'm':
		shift = 20;
		break;
	case 'G':
	case 'g':
		shift = 30;
		break;
	default:
		return false;
	}
	if (end[1] != '\0' || *value > UINT64_MAX >> shift) {
		return false;
	}
	*value = (*value << shift) & PAGE_MASK;
	return *value >= SIZE_MIN;
}

/* "4.17" as major << 16 | minor. */
static bool parse_version(const char *s, uint32_t *version)
{
	uint64_t major, minor;

	if (fmt_parse_u64(s, &s, &major) || *s != '.' || fmt_parse_u64(s + 1, &s, &minor) || *s ||
	    major > 0xffff || minor > 0xffff) {
		return false;
	}
	*version = (uint32_t)(major << 16 | minor);
	return true;
}

/* NULL, or what is wrong with the value. A value of NULL: there was no '='. */
static const char *set(struct options *o, const struct entry *e, const char *value)
{
	uint8_t *where = (uint8_t *)o + e->where;
	uint32_t number;
	uint64_t size;
	size_t len;

	if (e->kind == KIND_FLAG) {
		if (value != NULL) {
			return "takes no value";
		}
		*where = true;
		return NULL;
	}
	if (value == NULL) {
		return "needs a value";
	}
	switch (e->kind) {
	case KIND_CHOICE:
		for (const struct choice *c = e->choices; c->name != NULL; c++) {
			if (strcmp(c->name, value) == 0) {
				*where = c->value;
				return NULL;
			}
		}
		return "has no such value";
	case KIND_SIZE:
		if (!parse_size(value, &size)) {
			return "needs a size of at least 16M with suffix K, M or G";
		}
		memcpy(where, &size, sizeof(size));
		return NULL;
	case KIND_NUMBER:
		if (fmt_parse_u64(value, &value, &size) || *value || size > UINT32_MAX) {
			return "needs a number";
		}
		number = (uint32_t)size;
		memcpy(where, &number, sizeof(number));
		return NULL;
	case KIND_VERSION:
		if (!parse_version(value, &number)) {
			return "needs a version like 4.17";
		}
		memcpy(where, &number, sizeof(number));
		return NULL;
	default:
		len = strlen(value);
		if (len >= e->room) {
			return "is too long";
		}
		memcpy(where, value, len + 1);
		return NULL;
	}
}

static bool looks_like_image(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '/') {
			return true;
		}
	}
	return len > 4 && strcmp(s + len - 4, ".elf") == 0;
}

static void apply(struct options *o, bool first)
{
	size_t len = 0;
	const struct entry *e;
	const char *problem;
	const char *value;

	while (word.text[len] != '\0' && word.text[len] != '=') {
		len++;
	}
	e = find(word.text, len);
	value = word.text[len] == '=' ? &word.text[len + 1] : NULL;
	if (e == NULL) {
		if (!first || !looks_like_image(word.text)) {
			log_notice("option '%.*s' is unknown and ignored; 'help' lists the options",
				   (int)MIN(len, 64), word.text);
		}
		return;
	}
	if (word.open) {
		problem = "has a quote that is not closed";
	} else if (word.cut) {
		problem = "is too long";
	} else {
		problem = set(o, e, value);
	}
	if (problem != NULL) {
		log_notice("option '%s' %s and is ignored: '%.64s'; %s", e->name, problem,
			   value == NULL ? "" : value, e->help);
	}
}

static char line[OPTION_CMDLINE_MAX];

const char *option_line(void)
{
	return line;
}

void option_parse(struct options *o, const char *cmdline)
{
	const char *p = cmdline;
	size_t n = MIN(strlen(cmdline), sizeof(line) - 1);

	memcpy(line, cmdline, n);
	line[n] = '\0';

	*o = defaults;
	for (bool first = true; next_word(&p); first = false) {
		apply(o, first);
	}
}

void option_help(void)
{
	log_notice("options on the hypervisor's command line (default in parentheses):");
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		log_notice("  %s", table[i].help);
	}
}
