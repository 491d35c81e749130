/* pocketcal: one month, its weeks numbered as ISO 8601 does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int is_leap(int year)
{
	return year % 4 == 0;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* 0 is Monday; Zeller's congruence, shifted. */
static int weekday(int year, int month, int day)
{
	static const int shift[] = { 0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4 };

	if (month < 3)
		year--;
	return (year + year / 4 - year / 100 + year / 400 + shift[month - 1] + day + 6) % 7;
}

static int day_of_year(int year, int month, int day)
{
	for (int m = 1; m < month; m++)
		day += days_in(year, m);
	return day;
}

static int weeks_in(int year)
{
	int january = weekday(year, 1, 1);

	return january == 3 || (january == 2 && is_leap(year)) ? 53 : 52;
}

static int iso_week(int year, int month, int day)
{
	int week = (day_of_year(year, month, day) - (weekday(year, month, day) + 1) + 10) / 7;

	if (week < 1)
		return weeks_in(year - 1);
	return week > weeks_in(year) ? 1 : week;
}

static void print_month(int year, int month, int today)
{
	static const char *const names[] = { "January", "February", "March", "April", "May", "June",
		"July", "August", "September", "October", "November", "December" };
	int column = weekday(year, month, 1);

	printf("%s %d\nWeek Mo  Tu  We  Th  Fr  Sa  Su\n%3d %*s", names[month - 1], year,
	       iso_week(year, month, 1), column * 4, "");
	for (int day = 1; day <= days_in(year, month); day++) {
		printf(day == today ? "[%2d]" : " %2d ", day);
		if (++column == 7 && day < days_in(year, month)) {
			printf("\n%3d ", iso_week(year, month, day + 1));
			column = 0;
		}
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	time_t now = time(NULL);
	struct tm *local = localtime(&now);
	int this_year = local->tm_year + 1900, this_month = local->tm_mon + 1;
	int year = argc > 1 ? atoi(argv[1]) : this_year;
	int month = argc > 2 ? atoi(argv[2]) : this_month;

	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts("pocketcal 1.4");
		return 0;
	}
	if (argc > 3 || year < 1583 || year > 9999 || month < 1 || month > 12) {
		fputs("usage: pocketcal [YEAR [MONTH]]\n", stderr);
		return 64;
	}
	print_month(year, month, year == this_year && month == this_month ? local->tm_mday : 0);
	return 0;
}
