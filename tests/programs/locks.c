/* Programs with a known answer for the tests of locks: cc -pthread -o locks locks.c; locks MODE
 *
 * Says "name pid tid" of each thread that matters, a line each, then "ready"; then it stays as it is until it is
 * killed, or for a minute.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MINUTE = 60, THREADS = 4 };

struct place {
	pthread_mutex_t first, second;
	pthread_rwlock_t rwlock;
	pthread_cond_t never;
	sem_t reached, go;
};
static struct place *at;
static pthread_t main_thread;

static void say(const char *name)
{
	pthread_setname_np(pthread_self(), name);
	printf("%s %d %ld\n", name, getpid(), syscall(SYS_gettid));
	fflush(stdout);
}

static void reach(void) /* let who waits for it go on, and wait until all may */
{
	sem_post(&at->reached);
	sem_wait(&at->go);
}

static void *first_then_second(void *unused)
{
	say("ab");
	pthread_mutex_lock(&at->first);
	reach();
	pthread_mutex_lock(&at->second);
	return unused;
}

static void *second_then_first(void *unused)
{
	say("ba");
	pthread_mutex_lock(&at->second);
	reach();
	pthread_mutex_lock(&at->first);
	return unused;
}

static void *second_then_first_timed(void *unused)
{
	struct timespec until;
	say("ba");
	pthread_mutex_lock(&at->second);
	reach();
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += MINUTE;
	pthread_mutex_timedlock(&at->first, &until);
	return unused;
}

static void *take_first(void *unused)
{
	say("waiter");
	pthread_mutex_lock(&at->first);
	return unused;
}

static void *twice(void *unused)
{
	say("twice");
	pthread_mutex_lock(&at->first);
	pthread_mutex_lock(&at->first);
	return unused;
}

static void *park(void *unused)
{
	say("parked");
	pthread_mutex_lock(&at->first);
	pthread_cond_wait(&at->never, &at->first);
	return unused;
}

static void *read_it(void *unused)
{
	say("reader");
	pthread_rwlock_rdlock(&at->rwlock);
	return unused;
}

static void *write_it(void *unused)
{
	say("writer");
	pthread_rwlock_wrlock(&at->rwlock);
	return unused;
}

static void *join_main(void *unused)
{
	say("joiner");
	pthread_mutex_lock(&at->second);
	reach();
	pthread_join(main_thread, NULL);
	return unused;
}

static void *leave_locked(void *unused)
{
	say("left");
	pthread_mutex_lock(&at->first);
	return unused;
}

static void *turns(void *unused)
{
	say("turn");
	for (;;) {
		pthread_mutex_lock(&at->first);
		for (volatile int work = 0; work < 20000; work++)
			;
		pthread_mutex_unlock(&at->first);
	}
	return unused;
}

static void start(void *(*run)(void *))
{
	pthread_t thread;
	pthread_create(&thread, NULL, run, NULL);
}

static void let_go(int many) /* once so many have reached their place */
{
	for (int i = 0; i < many; i++)
		sem_wait(&at->reached);
	for (int i = 0; i < many; i++)
		sem_post(&at->go);
}

static void child_of(void (*run)(void)) /* a process more on the same locks, which ends with its parent */
{
	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	run();
	sleep(MINUTE);
	_exit(0);
}

static void other_side(void) { second_then_first(NULL); }
static void wait_there(void) { take_first(NULL); }

static void set_up(int is_shared, int is_robust, int protocol)
{
	pthread_mutexattr_t kind;
	at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, (is_shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&kind);
	pthread_mutexattr_setpshared(&kind, is_shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
	pthread_mutexattr_setrobust(&kind, is_robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
	pthread_mutexattr_setprotocol(&kind, protocol);
	pthread_mutex_init(&at->first, &kind);
	pthread_mutex_init(&at->second, &kind);
	pthread_rwlock_init(&at->rwlock, NULL);
	pthread_cond_init(&at->never, NULL);
	sem_init(&at->reached, is_shared, 0);
	sem_init(&at->go, is_shared, 0);
}

int main(int count, char **words)
{
	const char *mode = count > 1 ? words[1] : "";
	int is_shared = !strncmp(mode, "shared", 6), is_robust = strstr(mode, "robust") != NULL;
	set_up(is_shared, is_robust, strstr(mode, "pi-") ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE);
	main_thread = pthread_self();
	say("main");
	if (!strcmp(mode, "deadlock") || !strcmp(mode, "pi-deadlock") || !strcmp(mode, "robust-deadlock")) {
		start(first_then_second);
		start(second_then_first);
		let_go(2);
		start(take_first);
	} else if (!strcmp(mode, "timed")) {
		start(first_then_second);
		start(second_then_first_timed);
		let_go(2);
	} else if (!strcmp(mode, "twice")) {
		start(twice);
	} else if (!strcmp(mode, "parked")) {
		for (int i = 0; i < THREADS; i++)
			start(park);
	} else if (!strcmp(mode, "convoy")) {
		for (int i = 0; i < THREADS; i++)
			start(turns);
	} else if (!strcmp(mode, "owned")) {
		pthread_mutex_lock(&at->first);
		for (int i = 0; i < THREADS; i++)
			start(take_first);
	} else if (!strcmp(mode, "rwlock")) {
		pthread_rwlock_wrlock(&at->rwlock);
		start(read_it);
		start(write_it);
	} else if (!strcmp(mode, "join")) {
		start(join_main);
		let_go(1);
	} else if (!strcmp(mode, "orphan")) {
		pthread_t thread;
		pthread_create(&thread, NULL, leave_locked, NULL);
		pthread_join(thread, NULL);
		start(take_first);
	} else if (!strcmp(mode, "shared-deadlock") || !strcmp(mode, "shared-robust-deadlock")) {
		child_of(other_side);
		start(first_then_second);
		let_go(2);
	} else if (!strcmp(mode, "shared-owned")) {
		pthread_mutex_lock(&at->first);
		child_of(wait_there);
	} else {
		return 2;
	}
	puts("ready");
	fflush(stdout);
	if (!strcmp(mode, "join"))
		pthread_mutex_lock(&at->second);
	sleep(MINUTE);
	return 0;
}
