/* Days since the last new moon; good to some hours. */
#include <math.h>
#include <stdio.h>
#include <time.h>

int main(void)
{
	/* New moon of 2000-01-06 18:14 UTC, and the mean synodic month. */
	double days = difftime(time(NULL), 947182440) / 86400;

	printf("%.1f days\n", fmod(days, 29.530588853));
	return 0;
}
