#include "tidemark.h"

void tidemark_add(struct tidemark *mark, double number)
{
	if (mark->count == 0 || number < mark->low)
		mark->low = number;
	if (mark->count == 0 || number > mark->high)
		mark->high = number;
	mark->count++;
}
