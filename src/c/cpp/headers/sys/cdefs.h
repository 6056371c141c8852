#ifndef __SYS_CDEFS_H
#define __SYS_CDEFS_H
#define __BEGIN_DECLS
#define __END_DECLS
#define __P(parameters) parameters
#define __CONCAT(a, b) a##b
#define __STRING(text) #text
#define __THROW
#define __restrict_arr __restrict
#endif
