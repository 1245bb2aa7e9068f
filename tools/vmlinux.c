// SPDX-License-Identifier: MIT
/*
 * taproot-vmlinux: extract the ELF kernel, with its notes, from a bzImage.
 *
 * The hypervisor boots an ELF through its PVH note and has no decompressor;
 * distributions ship bzImages. This tool runs on the machine that prepares the
 * boot. The output appears whole under its name or not at all.
 *
 * Deliberately not supported: standard input and output, several kernels at a
 * time, rebuilding a bzImage.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmlinux.h"

#define PROGRAM "taproot-vmlinux"
#define VERSION "0.1"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

static const char usage[] =
	"usage: " PROGRAM " BZIMAGE OUT\n"
	"Extract the ELF kernel with its notes from a Linux bzImage (xz, zstd, gzip, lz4\n"
	"or lzma) for a boot through its PVH entry. An ELF with a PVH note is copied.\n"
	"  --help     this text\n"
	"  --version  the version\n"
	"Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n";

static int fail_errno(struct vmlinux_error *error, const char *what)
{
	return vmlinux_fail(error, "%s: %s", what, strerror(errno));
}

static int read_all(int fd, struct vmlinux_buffer *file,
		    struct vmlinux_error *error)
{
	ssize_t got;

	do {
		if (vmlinux_reserve(file, (size_t)1 << 20, error)) {
			return vmlinux_fail(error,
				"too large for a kernel: more than %zu MiB",
				VMLINUX_SIZE_MAX >> 20);
		}
		got = read(fd, file->data + file->size,
			   file->capacity - file->size);
		if (got > 0) {
			file->size += (size_t)got;
		}
	} while (got > 0 || (got < 0 && errno == EINTR));
	return got < 0 ? fail_errno(error, "cannot read") : 0;
}

static int read_file(const char *path, struct vmlinux_buffer *file,
		     struct stat *info, struct vmlinux_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0) {
		return fail_errno(error, "cannot open");
	}
	if (fstat(fd, info)) {
		ret = fail_errno(error, "cannot stat");
	} else if (!S_ISREG(info->st_mode)) {
		ret = vmlinux_fail(error, "not a regular file");
	} else {
		ret = read_all(fd, file, error);
	}
	close(fd);
	return ret;
}

/* OUT must be new or another regular file: rename() would replace anything. */
static int check_target(const char *path, const struct stat *input,
			struct vmlinux_error *error)
{
	struct stat info;

	if (lstat(path, &info)) {
		return errno == ENOENT ? 0 : fail_errno(error, "cannot stat");
	}
	if (!S_ISREG(info.st_mode)) {
		return vmlinux_fail(error,
			"exists and is not a regular file: choose another name");
	}
	if (info.st_dev == input->st_dev && info.st_ino == input->st_ino) {
		return vmlinux_fail(error,
			"is the input itself: choose another name");
	}
	return 0;
}

static int write_all(int fd, const struct vmlinux_span *data,
		     struct vmlinux_error *error)
{
	mode_t mask = umask(0);
	size_t done = 0;
	ssize_t got;

	umask(mask);
	while (done < data->size) {
		got = write(fd, data->data + done, data->size - done);
		if (got < 0 && errno != EINTR) {
			return fail_errno(error, "cannot write");
		}
		done += got > 0 ? (size_t)got : 0;
	}
	if (fchmod(fd, 0666 & ~mask) || fsync(fd)) {
		return fail_errno(error, "cannot write");
	}
	return 0;
}

/* Write beside the target, then rename: readers see the old or the new. */
static int write_file(const char *path, const struct vmlinux_span *data,
		      struct vmlinux_error *error)
{
	size_t size = strlen(path) + sizeof(".XXXXXX");
	char *temp = malloc(size);
	int fd, ret;

	if (!temp) {
		return vmlinux_fail(error, "not enough memory");
	}
	snprintf(temp, size, "%s.XXXXXX", path);
	fd = mkstemp(temp);
	if (fd < 0) {
		ret = fail_errno(error, "cannot create a file beside it");
		free(temp);
		return ret;
	}
	ret = write_all(fd, data, error);
	if (close(fd) && !ret) {
		ret = fail_errno(error, "cannot write");
	}
	if (!ret && rename(temp, path)) {
		ret = fail_errno(error, "cannot rename to it");
	}
	if (ret) {
		unlink(temp);
	}
	free(temp);
	return ret;
}

/* From the file's bytes to the ELF; *unpacked keeps the bytes if need be. */
static int extract(const struct vmlinux_span *file,
		   struct vmlinux_buffer *unpacked, struct vmlinux_span *kernel,
		   struct vmlinux_elf *elf, struct vmlinux_error *error)
{
	struct vmlinux_span payload;

	if (vmlinux_is_elf(file)) {
		*kernel = *file;
		if (vmlinux_read_elf(file, elf, error)) {
			return -1;
		}
		return elf->has_pvh ? 0 : vmlinux_fail(error,
			"an ELF without PVH note (Xen note 18): build the kernel with CONFIG_PVH=y");
	}
	if (vmlinux_find_payload(file, &payload, error) ||
	    vmlinux_unpack(&payload, unpacked, error)) {
		return -1;
	}
	kernel->data = unpacked->data;
	kernel->size = unpacked->size;
	return vmlinux_read_elf(kernel, elf, error);
}

static void report(const char *input, const char *output, size_t size,
		   const struct vmlinux_elf *elf)
{
	if (!elf->has_pvh) {
		fprintf(stderr, PROGRAM ": %s: warning: the kernel has no PVH note (Xen note 18) and will not boot as a PVH domain: build it with CONFIG_PVH=y\n",
			input);
		printf("%s: %zu bytes, no PVH entry\n", output, size);
		return;
	}
	printf("%s: %zu bytes, PVH entry 0x%llx, loads at 0x%llx-0x%llx\n",
	       output, size, (unsigned long long)elf->pvh_entry,
	       (unsigned long long)elf->load_start,
	       (unsigned long long)elf->load_end - 1);
}

static int run(const char *input, const char *output)
{
	struct vmlinux_buffer file = { 0 }, unpacked = { 0 };
	struct vmlinux_error error = { "" };
	struct vmlinux_span span, kernel;
	const char *subject = input;
	struct vmlinux_elf elf;
	struct stat info;
	int ret;

	ret = read_file(input, &file, &info, &error);
	if (!ret) {
		subject = output;
		ret = check_target(output, &info, &error);
	}
	if (!ret) {
		subject = input;
		span = (struct vmlinux_span){ file.data, file.size };
		ret = extract(&span, &unpacked, &kernel, &elf, &error);
	}
	if (!ret) {
		subject = output;
		ret = write_file(output, &kernel, &error);
	}
	if (ret) {
		fprintf(stderr, PROGRAM ": %s: %s\n", subject, error.text);
	} else {
		report(input, output, kernel.size, &elf);
	}
	free(file.data);
	free(unpacked.data);
	return ret ? EXIT_REFUSED : EXIT_DONE;
}

/* Standard output may be a full disk or a closed pipe. */
static int finish(int status)
{
	if (fflush(stdout) && status == EXIT_DONE) {
		perror(PROGRAM ": standard output");
		return EXIT_REFUSED;
	}
	return status;
}

int main(int argc, char **argv)
{
	int first = 1;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return finish(EXIT_DONE);
	}
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts(PROGRAM " " VERSION);
		return finish(EXIT_DONE);
	}
	if (argc > 1 && strcmp(argv[1], "--") == 0) {
		first = 2;
	} else if (argc > 1 && argv[1][0] == '-') {
		fprintf(stderr, PROGRAM ": unknown option %s\n%s", argv[1],
			usage);
		return EXIT_USAGE;
	}
	if (argc - first != 2) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return finish(run(argv[first], argv[first + 1]));
}
