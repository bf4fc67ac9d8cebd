/* replay.c - runs a fuzz target over files and folders of files, without
 * libFuzzer: so that every build checks the corpora. Options are ignored. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of the exact size, so that a sanitizer sees reads past it. */
static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	struct stat st;
	int r = -1;

	if (f && !fstat(fileno(f), &st))
		data = malloc(st.st_size ? (size_t)st.st_size : 1);
	if (data && fread(data, 1, (size_t)st.st_size, f) ==
	    (size_t)st.st_size)
		r = LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	else
		perror(path);
	free(data);
	if (f)
		fclose(f);
	return r;
}

static int run_folder(const char *path, unsigned *n)
{
	struct dirent **list;
	char file[1024];
	int r = 0, count = scandir(path, &list, NULL, alphasort);

	if (count < 0)
		return -1;
	for (int i = 0; i < count; i++) {
		snprintf(file, sizeof file, "%s/%s", path, list[i]->d_name);
		if (list[i]->d_name[0] != '.') {
			r |= run_file(file);
			++*n;
		}
		free(list[i]);
	}
	free(list);
	return r;
}

int main(int argc, char **argv)
{
	unsigned n = 0;
	int r = 0;

	for (int i = 1; i < argc; i++)
		if (argv[i][0] != '-' && run_folder(argv[i], &n)) {
			r |= run_file(argv[i]);
			n++;
		}
	printf("%s: %u inputs\n", argv[0], n);
	return r || !n;
}
