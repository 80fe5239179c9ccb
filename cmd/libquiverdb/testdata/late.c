/* The library is loaded after the fork: then the child can use it. The second
 * argument is the library. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int use(const char *library, const char *path)
{
	void *l = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	int (*init)(const char *, uint32_t, uint32_t);
	void *(*open)(const char *);
	int (*close)(void *);
	void *db;

	if (l == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	*(void **)&init = dlsym(l, "qdb_init_db");
	*(void **)&open = dlsym(l, "qdb_open");
	*(void **)&close = dlsym(l, "qdb_close_checked");
	if (init(path, 4096, 16) != 0 || (db = open(path)) == NULL || close(db) != 0)
		return 1;
	return 0;
}

int main(int argc, char **argv)
{
	char path[4096];
	int status, n;

	if (argc != 3)
		return 2;
	for (n = 0; n < 3; n++) {
		pid_t child = fork();

		if (child == 0) {
			alarm(20);
			snprintf(path, sizeof path, "%s/db%d", argv[1], n);
			_exit(use(argv[2], path));
		}
		if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
			return 1;
	}
	snprintf(path, sizeof path, "%s/db", argv[1]);
	return use(argv[2], path);
}
