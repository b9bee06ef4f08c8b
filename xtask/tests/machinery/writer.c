/* Does to files what its arguments say, one after another, and prints each that failed. For the tests of the shim.
 *
 *   open NAME | create NAME | append NAME | at OFFSET TEXT | write TEXT | cut LENGTH | sync | dup | rename OLD NEW | touch NAME */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **words) {
    int file = -1;
    for (int i = 1; i < count; i++) {
        const char *word = words[i];
        int failed = 0;
        if (!strcmp(word, "open")) failed = (file = open(words[++i], O_RDWR | O_CREAT, 0600)) < 0;
        else if (!strcmp(word, "create")) failed = (file = open64(words[++i], O_RDWR | O_CREAT | O_TRUNC, 0600)) < 0;
        else if (!strcmp(word, "append")) failed = (file = openat(AT_FDCWD, words[++i], O_WRONLY | O_CREAT | O_APPEND, 0600)) < 0;
        else if (!strcmp(word, "at")) {
            long offset = atol(words[++i]);
            i++;
            failed = pwrite(file, words[i], strlen(words[i]), offset) < 0;
        }
        else if (!strcmp(word, "write")) { i++; failed = write(file, words[i], strlen(words[i])) < 0; }
        else if (!strcmp(word, "cut")) failed = ftruncate(file, atol(words[++i])) < 0;
        else if (!strcmp(word, "sync")) failed = fdatasync(file) < 0;
        else if (!strcmp(word, "dup")) { int old = file; file = dup(old); close(old); }
        else if (!strcmp(word, "rename")) { failed = rename(words[i + 1], words[i + 2]) < 0; i += 2; }
        else if (!strcmp(word, "touch")) close(creat(words[++i], 0600));
        else return 2;
        if (failed) printf("%s %s\n", word, errno == EIO ? "EIO" : errno == ENOSPC ? "ENOSPC" : "other");
    }
    return 0;
}
