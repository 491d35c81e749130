/** The sh scripts that make and remove base systems on a host. They need mmdebstrap there, and schroot or newuidmap. */

/** `AS_ROOT LOOK SCRIPT MODE …`: unless LOOK succeeds, runs SCRIPT with the other arguments, as root where MODE is schroot. 77: it may not. */
export const AS_ROOT = `
look=$1 script=$2
shift 2
if sh -c "$look" buildme "$@"; then exit 0; fi
if [ "$1" = schroot ] && [ "$(id -u)" != 0 ]; then
  sudo -n true 2>/dev/null || exit 77
  exec sudo -n sh -c "$script" buildme "$@"
fi
exec sh -c "$script" buildme "$@"
`;

/** What all begin with. */
const PLACES = `
set -eu
mode=$1 tree=$2 tarball=$3 registration=$4 name=$5
shift 5
`;

/** One at a time for each base system. */
const BEGIN = `${PLACES}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022
dir=\${tree%/*}
mkdir -p "$dir"
exec 9>"$dir/.\${tree##*/}.lock"
flock -n 9 || { echo 'another process is making or removing it: try again later' >&2; exit 75; }

# used TREE: whether a mount stands on it. schroot binds it as an underlay; mountinfo has its path within its own file system.
used() { grep -qF -e "/\${1##*/} /" -e "lowerdir=$1," /proc/self/mountinfo; }

# drop TREE...: what is in use stays for the next time.
drop() {
  for old; do
    [ -d "$old" ] && [ ! -L "$old" ] || continue
    if used "$old"; then kept=$old; else rm -rf --one-file-system "$old"; fi
  done
}
kept=
`;

/** Ends the script where nothing is to be made. TREE.made holds `SECONDS DIGEST` of what is in place. */
const UNLESS_KEPT = `
suite=$1 arch=$2 mirror=$3 packages=$4 digest=$5 max_age=$6 missing=$7
now=$(date +%s)
made=0 was=
[ ! -e "$tree.made" ] || read -r made was <"$tree.made"
there() {
  if [ "$mode" = schroot ]; then [ -d "$tree/usr" ] && [ -e "$registration" ]; else [ -s "$tarball" ]; fi
}
if there && [ "$was" = "$digest" ] && [ $((now - made)) -lt "$max_age" ]; then echo kept; exit 0; fi
if [ "$missing" = leave ] && ! there; then echo kept; exit 0; fi
`;

/** LOOK for CREATE, with its arguments: nobody is asked for root where nothing is to be made. */
export const LOOK = `${PLACES}${UNLESS_KEPT}exit 1
`;

/**
 * Arguments: MODE TREE TARBALL REGISTRATION NAME SUITE ARCH MIRROR PACKAGES DIGEST MAX_AGE MISSING. The last line printed is `made` or
 * `kept`. MISSING is `leave` where only what is there already may be made anew.
 */
export const CREATE = `${BEGIN}${UNLESS_KEPT}command -v mmdebstrap >/dev/null || { echo 'mmdebstrap is not installed there: apt-get install mmdebstrap' >&2; exit 78; }
if [ "$mode" = schroot ] && [ ! -d /etc/schroot/sbuild ]; then
  echo 'sbuild and schroot are not installed there: apt-get install sbuild schroot' >&2; exit 78
fi

# The machine's own apt sources, where they know the suite: Debian's first, any others only without these.
if [ -n "$mirror" ]; then set -- "$mirror"
else
  set --
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    if [ -f "$file" ] && grep -v '^ *#' "$file" | grep -qw -- "$suite"; then set -- "$@" "$file"; fi
  done
  if [ $# = 0 ]; then
    for file in /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
      if [ -f "$file" ] && grep -v '^ *#' "$file" | grep -qw -- "$suite"; then set -- "$@" "$file"; fi
    done
  fi
  [ $# -gt 0 ] || { echo "the apt sources of that machine do not know the suite $suite: add mirror = URL to its [chroot ...]" >&2; exit 78; }
fi

# What the machine's own apt was told about clocks and proxies holds inside too.
options=$(apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|https?::Proxy) "[^"]+";$' || true)
old_ifs=$IFS
IFS='
'
for option in $options; do set -- "$@" "--aptopt=\${option%;}"; done
IFS=$old_ifs

if [ "$mode" = schroot ]; then new=$tree.$now; else new=$dir/.new-\${tarball##*/}; fi
trap 'rm -rf --one-file-system "$new"' EXIT
trap 'exit 1' HUP INT TERM
rm -rf --one-file-system "$new"
# Package lists stay, so that builds need neither an update nor the network for what is installed already.
mmdebstrap --quiet --variant=buildd --architectures="$arch" --include="fakeroot\${packages:+,$packages}" --dpkgopt=force-unsafe-io \\
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \\
  --skip=cleanup/apt/lists --format="$([ "$mode" = schroot ] && echo directory || echo tar)" "$suite" "$new" "$@" >&2

if [ "$mode" = schroot ]; then
  sync -f "$new"
  {
    echo '# Made by buildme; removed by: buildme chroot remove'
    echo "[$name]"
    echo "description=buildme base system"
    echo type=directory
    echo "directory=$new"
    echo union-type=overlay
    echo profile=sbuild
    echo groups=root,sbuild
    echo root-groups=root,sbuild
    echo source-root-groups=root,sbuild
  } >"$dir/.new-$name"
  # schroot passes over names with a dot, so that it never sees half a file.
  cp "$dir/.new-$name" "$registration.new"
  sync "$registration.new"
  ln -sfn "\${new##*/}" "$dir/.link-$name"
  mv -T "$dir/.link-$name" "$tree"
  # commit point: builds that begin from here on use the new tree.
  mv "$registration.new" "$registration"
  rm -f "$dir/.new-$name"
else
  sync "$new"
  chmod 0644 "$new"
  mv "$new" "$tarball"
fi
trap - EXIT
echo "$now $digest" >"$tree.made"
if [ "$mode" = schroot ]; then
  for old in "$tree".[0-9]*; do [ "$old" = "$new" ] || drop "$old"; done
fi
echo made
`;

/** Arguments: MODE TREE TARBALL REGISTRATION NAME. The last line printed is `removed` or `absent`. */
export const REMOVE = `${BEGIN}
found=absent
for file in "$registration" "$tree" "$tree.made" "$tarball"; do
  [ ! -e "$file" ] && [ ! -L "$file" ] || found=removed
done
rm -f "$registration" "$registration.new" "$tree" "$tree.made" "$tarball"
for old in "$tree".[0-9]*; do
  [ ! -d "$old" ] || found=removed
  drop "$old"
done
[ -z "$kept" ] || { echo "a build uses $kept: try again when it has ended" >&2; exit 75; }
rm -f "$dir/.\${tree##*/}.lock"
echo $found
`;
