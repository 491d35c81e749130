#ifndef TIDEMARK_H
#define TIDEMARK_H

struct tidemark {
	double low, high;
	unsigned long count;
};

/* Takes one more number; a struct of zeros is a fresh start. */
void tidemark_add(struct tidemark *mark, double number);

#endif
