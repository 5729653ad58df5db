// Copyright 2026 The slablab Authors.
// SPDX-License-Identifier: Apache-2.0

// A kernel as small as it can be: a function that has two inlined into it, one inside the other.
void *allocate(unsigned long bytes);
static inline __attribute__((always_inline)) void *inner(unsigned long bytes) {
  return allocate(bytes + 1);  // line 7
}
static inline __attribute__((always_inline)) void *middle(unsigned long bytes) {
  return inner(bytes * 2);  // line 10
}
__attribute__((noinline)) void *outer(unsigned long bytes) {
  return (char *)middle(bytes) + 1;  // line 13
}
__attribute__((noinline)) void *plain(unsigned long bytes) {
  return (char *)allocate(bytes) + 2;  // line 16
}
__attribute__((noinline)) void *allocate(unsigned long bytes) {
  __asm__ volatile("" : "+r"(bytes));
  return (void *)bytes;
}
