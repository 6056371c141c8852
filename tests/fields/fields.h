char **split(const char *text, char between, int *count);
