#include <stdio.h>

#include "tidemark.h"

int main(void)
{
	struct tidemark mark = { 0 };
	double number;

	while (scanf("%lf", &number) == 1)
		tidemark_add(&mark, number);
	if (mark.count == 0)
		return 1;
	printf("%g %g\n", mark.low, mark.high);
	return 0;
}
