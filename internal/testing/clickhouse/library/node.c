/* A ClickHouse node out of the shared library that npm's package of chDB has: the whole of clickhouse-local, which listens when it is
 * told to. Usage: node [-w] LIBRARY CLICKHOUSE_ARGUMENTS...
 *
 * With -w it ends when its standard input does, so that no node outlives the test that started it, however that one ends.
 *
 * clickhouse-local aborts on what a connection's thread throws, where a server logs it. So that a client may reset its connection, as one does
 * that cancels a question, recv, send and getpeername are those below for the library (which takes them from here with -rdynamic): a
 * connection that was reset is one whose client has said all and hears nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int lost(void) { return errno == ECONNRESET || errno == EPIPE || errno == ENOTCONN; }

ssize_t recv(int fd, void *to, size_t n, int flags) {
	ssize_t got = recvfrom(fd, to, n, flags, NULL, NULL);
	return got < 0 && lost() ? 0 : got;
}

ssize_t send(int fd, const void *from, size_t n, int flags) {
	ssize_t sent = sendto(fd, from, n, flags | MSG_NOSIGNAL, NULL, 0);
	return sent < 0 && lost() ? (ssize_t)n : sent;
}

/* The address of a client that is gone is that of the socket itself. */
int getpeername(int fd, struct sockaddr *address, socklen_t *length) {
	static int (*real)(int, struct sockaddr *, socklen_t *);
	if (!real) {
		real = (int (*)(int, struct sockaddr *, socklen_t *))dlsym(RTLD_NEXT, "getpeername");
	}
	int failed = real(fd, address, length);
	return failed && lost() ? getsockname(fd, address, length) : failed;
}

static void *watch(void *unused) {
	char c;
	while (read(0, &c, 1) > 0) {
	}
	kill(getpid(), SIGKILL);
	return unused;
}

static void *symbol(void *library, const char *name) {
	void *found = dlsym(library, name);
	if (!found) {
		fprintf(stderr, "node: %s\n", dlerror());
	}
	return found;
}

int main(int argc, char **argv) {
	pthread_t watcher;
	if (argc > 1 && !strcmp(argv[1], "-w")) {
		if (pthread_create(&watcher, NULL, watch, NULL)) {
			return 1;
		}
		argc--;
		argv++;
	}
	if (argc < 2) {
		fprintf(stderr, "usage: node [-w] LIBRARY CLICKHOUSE_ARGUMENTS...\n");
		return 2;
	}
	void *library = dlopen(argv[1], RTLD_NOW);
	if (!library) {
		fprintf(stderr, "node: %s\n", dlerror());
		return 1;
	}
	void *(*run)(int, char **) = (void *(*)(int, char **))symbol(library, "chdb_query_cmdline");
	const char *(*fault)(void *) = (const char *(*)(void *))symbol(library, "chdb_result_error");
	if (!run || !fault) {
		return 1;
	}
	argv[1] = "clickhouse";
	void *result = run(argc - 1, argv + 1);
	const char *text = result ? fault(result) : "no result";
	if (text && *text) {
		fprintf(stderr, "node: %s\n", text);
		return 1;
	}
	return 0;
}
