/* Threads that sleep in calls made in functions of known names; prints what each is, and waits until it is killed.
 *
 * Each line of output is: name, TID, address of the function, address of the futex, descriptor. */
#define _GNU_SOURCE
#include <alloca.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))

int word;
static int ends[2];
static const struct timespec LENGTH = {4000, 500000000};

/* The call itself, in the caller: it is the caller in which the thread sleeps. */
static inline __attribute__((always_inline)) long call(long number, long a, long b, long c, long d) {
#if defined(__x86_64__)
	long result;
	register long fourth __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long eighth __asm__("x8") = number;
	register long first __asm__("x0") = a;
	register long second __asm__("x1") = b;
	register long third __asm__("x2") = c;
	register long fourth __asm__("x3") = d;
	__asm__ volatile("svc 0" : "+r"(first) : "r"(eighth), "r"(second), "r"(third), "r"(fourth) : "memory");
	return first;
#else
#error no calls are known here
#endif
}

/* Exported: the dynamic table has their names, also of a stripped file. */
APART long reads_a_pipe(void) {
	char byte;
	return call(SYS_read, ends[0], (long)&byte, 1, 0);
}

APART long waits_on_a_word(void) { return call(SYS_futex, (long)&word, 128 /* wait, private */, 0, 0); }

APART long sleeps_deep(void) {
	volatile char *much = alloca(1 << 20);
	much[0] = 1;
	return call(SYS_nanosleep, (long)&LENGTH, 0, 0, 0) + much[0];
}

/* Not exported: only the full table has it. */
static APART long hidden(void) { return call(SYS_nanosleep, (long)&LENGTH, 0, 0, 0); }

typedef struct {
	const char *name;
	long (*function)(void);
} Place;

static void told(const Place *place) {
	printf("%s %ld %lx %lx %d\n", place->name, syscall(SYS_gettid), (unsigned long)(uintptr_t)place->function,
			   (unsigned long)(uintptr_t)&word, ends[0]);
	fflush(stdout);
}

static void *run(void *argument) {
	const Place *place = argument;
	prctl(PR_SET_NAME, place->name);
	if (place->function == hidden) { /* one that is unlike the others */
		sigset_t some;
		sigemptyset(&some);
		sigaddset(&some, SIGUSR1);
		sigaddset(&some, SIGRTMIN + 3);
		pthread_sigmask(SIG_BLOCK, &some, NULL);
		pthread_kill(pthread_self(), SIGUSR1);
		setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 7);
		cpu_set_t first;
		int cpu = sched_getcpu();
		CPU_ZERO(&first);
		CPU_SET(cpu, &first);
		sched_setaffinity(0, sizeof first, &first);
		struct sched_param none = {0};
		sched_setscheduler(0, SCHED_BATCH, &none);
	}
	told(place);
	place->function();
	return NULL;
}

int main(void) {
	static const Place places[] = {
			{"reads", reads_a_pipe}, {"waits", waits_on_a_word}, {"sleeps", sleeps_deep}, {"hidden", hidden}};
	pthread_t thread;
	if (pipe(ends) != 0) return 1;
	for (size_t at = 0; at < sizeof places / sizeof *places; at++)
		if (pthread_create(&thread, NULL, run, (void *)&places[at]) != 0) return 1;
	pause();
	return 0;
}
