# A month that starts in week 53 of the year before, and Februaries of 28 and 29 days.
set -eu

month() { # YEAR MONTH PATTERN
  ./pocketcal "$1" "$2" | grep -q "$3" || { echo "pocketcal $1 $2: no line matches '$3'" >&2; exit 1; }
}

month 2021 1 '^ 53 '
month 2024 2 '29 $'
month 2023 2 '28 $'
