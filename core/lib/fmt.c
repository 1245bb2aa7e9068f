// SPDX-License-Identifier: MIT
/*
 * Bounded formatting and number parsing: the subset of C17 7.21.6.1 that
 * fmt.h names. Not supported: floating point, %n, positional arguments.
 */
#include <taproot/errno.h>
#include <taproot/fmt.h>
#include <taproot/string.h>

struct out {
	char *buf;
	size_t size;
	size_t length;
};

struct spec {
	bool left, zero, alt;
	int width;
	int precision; /* -1: none */
	int longs;     /* -2 hh, -1 h, 0, 1 l or z, 2 ll */
};

static void put(struct out *o, char c)
{
	if (o->length + 1 < o->size) {
		o->buf[o->length] = c;
	}
	o->length++;
}

static void put_padded(struct out *o, const struct spec *sp, const char *prefix, const char *text,
		       size_t length)
{
	size_t all = strlen(prefix) + length;
	size_t pad = sp->width > 0 && (size_t)sp->width > all ? (size_t)sp->width - all : 0;
	bool zeroes = sp->zero && !sp->left;

	for (size_t i = 0; i < pad && !sp->left && !zeroes; i++) {
		put(o, ' ');
	}
	for (; *prefix; prefix++) {
		put(o, *prefix);
	}
	for (size_t i = 0; i < pad && zeroes; i++) {
		put(o, '0');
	}
	for (size_t i = 0; i < length; i++) {
		put(o, text[i]);
	}
	for (size_t i = 0; i < pad && sp->left; i++) {
		put(o, ' ');
	}
}

static void put_number(struct out *o, const struct spec *sp, uint64_t v, unsigned base, bool upper,
		       const char *prefix)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24];
	size_t n = sizeof(text);

	do {
		text[--n] = digits[v % base];
		v /= base;
	} while (v);
	put_padded(o, sp, prefix, text + n, sizeof(text) - n);
}

static uint64_t take_unsigned(const struct spec *sp, va_list *ap)
{
	switch (sp->longs) {
	case 2:
		return va_arg(*ap, unsigned long long);
	case 1:
		return va_arg(*ap, unsigned long);
	case -1:
		return (unsigned short)va_arg(*ap, unsigned);
	case -2:
		return (unsigned char)va_arg(*ap, unsigned);
	default:
		return va_arg(*ap, unsigned);
	}
}

static int64_t take_signed(const struct spec *sp, va_list *ap)
{
	switch (sp->longs) {
	case 2:
		return va_arg(*ap, long long);
	case 1:
		return va_arg(*ap, long);
	case -1:
		return (short)va_arg(*ap, int);
	case -2:
		return (signed char)va_arg(*ap, int);
	default:
		return va_arg(*ap, int);
	}
}

static int parse_count(const char **f, va_list *ap)
{
	int n = 0;

	if (**f == '*') {
		(*f)++;
		return va_arg(*ap, int);
	}
	while (**f >= '0' && **f <= '9' && n < 4096) {
		n = n * 10 + (*(*f)++ - '0');
	}
	return n;
}

static const char *parse_spec(const char *f, struct spec *sp, va_list *ap)
{
	*sp = (struct spec){.precision = -1};
	for (;; f++) {
		if (*f == '-') {
			sp->left = true;
		} else if (*f == '0') {
			sp->zero = true;
		} else if (*f == '#') {
			sp->alt = true;
		} else {
			break;
		}
	}
	sp->width = parse_count(&f, ap);
	if (sp->width < 0) {
		sp->left = true;
		sp->width = -sp->width;
	}
	if (*f == '.') {
		f++;
		sp->precision = parse_count(&f, ap);
	}
	for (;; f++) {
		if (*f == 'l') {
			sp->longs++;
		} else if (*f == 'h') {
			sp->longs--;
		} else if (*f == 'z') {
			sp->longs = 1;
		} else {
			return f;
		}
	}
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
	size_t n = 0;

	if (!s) {
		s = "(null)";
	}
	while ((sp->precision < 0 || n < (size_t)sp->precision) && s[n]) {
		n++;
	}
	put_padded(o, sp, "", s, n);
}

static void put_conversion(struct out *o, struct spec *sp, char c, va_list *ap)
{
	int64_t v;
	char one;

	switch (c) {
	case 'd':
	case 'i':
		v = take_signed(sp, ap);
		put_number(o, sp, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, false, v < 0 ? "-" : "");
		break;
	case 'u':
		put_number(o, sp, take_unsigned(sp, ap), 10, false, "");
		break;
	case 'x':
	case 'X':
		put_number(o, sp, take_unsigned(sp, ap), 16, c == 'X', sp->alt ? "0x" : "");
		break;
	case 'p':
		put_number(o, sp, (uintptr_t)va_arg(*ap, void *), 16, false, "0x");
		break;
	case 'c':
		one = (char)va_arg(*ap, int);
		put_padded(o, sp, "", &one, 1);
		break;
	case 's':
		put_string(o, sp, va_arg(*ap, const char *));
		break;
	default:
		put(o, c);
		break;
	}
}

int fmt_vsnprintf(char *buf, size_t size, const char *format, va_list args)
{
	struct out o = {buf, size, 0};
	struct spec sp;
	va_list ap;

	va_copy(ap, args);
	for (const char *f = format; *f; f++) {
		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		f = parse_spec(f + 1, &sp, &ap);
		if (!*f) {
			break;
		}
		put_conversion(&o, &sp, *f, &ap);
	}
	va_end(ap);
	if (size) {
		buf[o.length < size ? o.length : size - 1] = 0;
	}
	return (int)o.length;
}

int fmt_snprintf(char *buf, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = fmt_vsnprintf(buf, size, format, ap);
	va_end(ap);
	return n;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return 99;
}

int fmt_parse_u64(const char *s, const char **end, uint64_t *value)
{
	int base = 10;
	uint64_t v = 0;
	const char *p = s;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && digit_value(p[2]) < 16) {
		base = 16;
		p += 2;
	}
	if (digit_value(*p) >= base) {
		return -EINVAL;
	}
	for (; digit_value(*p) < base; p++) {
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit_value(*p), &v)) {
			return -ERANGE;
		}
	}
	*end = p;
	*value = v;
	return 0;
}
