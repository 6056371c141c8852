#ifndef __CTYPE_H
#define __CTYPE_H
extern int isalnum(int byte);
extern int isalpha(int byte);
extern int isblank(int byte);
extern int iscntrl(int byte);
extern int isdigit(int byte);
extern int isgraph(int byte);
extern int islower(int byte);
extern int isprint(int byte);
extern int ispunct(int byte);
extern int isspace(int byte);
extern int isupper(int byte);
extern int isxdigit(int byte);
extern int tolower(int byte);
extern int toupper(int byte);
#endif
