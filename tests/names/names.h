#ifndef NAMES_H
#define NAMES_H
struct kind { const char *name; int weight; };
extern const char *names[3];
extern const struct kind kinds[];
extern const int kinds_count;
const char *name_of(int at);
#endif
