/**
 * The runner: the small sh script that goes along with a step, the same over every transport. It needs dash or better, coreutils, grep,
 * findutils and /proc. Two promises: whoever renames `begun` into place first decides whether the attempt ever starts, and `status`
 * appears whole, once nothing of the step runs any more.
 *
 * An attempt's directory: `settings` (sourced: timeout, maxlog, grace, command and the BUILDME_ variables), `runner` (this script), `in/`,
 * `out/`, `work/` (the step's empty directory), `home/`, `begun/` (with `pid`: the supervisor; or `closed`), `step` (the session's leader),
 * `limit` (why it was stopped), `log`, `status`. A process is `PID STARTTIME BOOT`: pids wrap, start times and boot ids do not.
 *
 * BUGS: a process of the step that leaves the session and empties its environment outlives the step.
 */

/** Seconds between TERM and KILL; sbuild removes its session on TERM. */
export const GRACE_SECONDS = 30;

/** Exit status of `make` when the directory is there already, and of `start` when the attempt was closed before. */
export const LATE = 17;

/** Called as `sh -s -- VERB ARGUMENTS`, or from the attempt's directory. */
export const RUNNER = `set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
export LC_ALL=C.UTF-8
umask 022

# identity PID: "PID STARTTIME BOOT" of a living process; a zombie is none. Field 22 of stat, counted after the name in parentheses.
identity() {
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -- "$1" \${stat##*) }
  case $2 in Z | X) return 1 ;; esac
  read -r boot </proc/sys/kernel/random/boot_id
  echo "$1 \${21} $boot"
}

# alive FILE: whether the process that it names still runs.
alive() {
  { read -r pid start boot <"$1"; } 2>/dev/null && [ "$(identity "$pid")" = "$pid $start $boot" ]
}

# settle FILE TEXT: writes beside, renames.
settle() {
  echo "$2" >"$1.new" && sync "$1.new" && mv -f "$1.new" "$1"
}

# claim DIR NAME TEXT: begun/NAME appears by one rename; fails when begun is there. It is never empty, so mv -T cannot replace it.
claim() {
  rm -rf "$1/begun.$$"
  mkdir "$1/begun.$$" && echo "$3" >"$1/begun.$$/$2" && sync "$1/begun.$$/$2" || exit
  if mv -T "$1/begun.$$" "$1/begun" 2>/dev/null; then sync "$1"; return 0; fi
  rm -rf "$1/begun.$$"
  [ -d "$1/begun" ] && return 1
  echo "cannot make $1/begun" >&2
  exit 1
}

# stop DIR WHY: the first reason stands. The leader is timeout(1): it sends TERM on to its group, and KILL after the grace.
stop() {
  echo "$2" >"$1/limit.$$" && ln "$1/limit.$$" "$1/limit" 2>/dev/null
  rm -f "$1/limit.$$"
  if alive "$1/step"; then read -r leader rest <"$1/step"; kill -TERM "$leader" 2>/dev/null; fi
}

# bury DIR: kills what is left of the step: the group, while its leader still holds the number, and whoever has its BUILDME_OUT.
bury() {
  if alive "$1/step"; then read -r leader rest <"$1/step"; kill -KILL -- "-$leader" 2>/dev/null; fi
  for round in 1 2 3; do
    # Its status says nothing: processes vanish while it reads.
    left=$(grep -alszxF "BUILDME_OUT=$1/out" /proc/[0-9]*/environ 2>/dev/null)
    [ -n "$left" ] || return 0
    for process in $left; do
      process=\${process#/proc/}
      kill -KILL "\${process%/environ}" 2>/dev/null
    done
  done
}

# step DIR: becomes the step. Its identity is written first, then it looks whether its supervisor still lives: so either that one's
# undertaker finds it, or it finds that there is none.
step() {
  settle "$1/step" "$(identity $$)"
  alive "$1/begun/pid" || exit 1
  cd "$1/work" || exit 1
  dir=$1
  . "$dir/settings"
  exec env -i PATH="$PATH" HOME="$dir/home" LC_ALL=C.UTF-8 BUILDME_IN="$dir/in" BUILDME_OUT="$dir/out" "$@" \
    timeout -k "$grace" "$timeout" sh -c "$command"
}

# record DIR: the log, never longer than maxlog; what is written beyond is read and dropped, so that a tool can clean up after TERM.
record() {
  stdbuf -o0 head -c "$maxlog" >"$1/log"
  if [ "$(head -c 1 | wc -c)" -gt 0 ]; then
    stop "$1" log
    cat >/dev/null
  fi
  : >"$1/recorded"
}

# supervise DIR: claims, runs the step to its end, removes what it left running, writes the status.
supervise() {
  dir=$1
  claim "$dir" pid "$(identity $$)" || exit
  cd / || exit
  . "$dir/settings"
  mkfifo "$dir/pipe"
  record "$dir" <"$dir/pipe" &
  recorder=$!
  read -r began rest </proc/uptime
  setsid sh "$dir/runner" step "$dir" </dev/null >"$dir/pipe" 2>&1 &
  leader=$!
  wait "$leader"
  status=$?
  read -r ended rest </proc/uptime
  # timeout(1) says 124, or dies of its own KILL; so may the step: the clock decides.
  case $status in
    124 | 137) [ -e "$dir/limit" ] || [ $((\${ended%.*} - \${began%.*} + 1)) -lt "\${timeout%.*}" ] || echo timeout >"$dir/limit" ;;
  esac
  kill -KILL -- "-$leader" 2>/dev/null
  bury "$dir"
  # A survivor may hold the pipe open: the log ends here all the same.
  tries=0
  while [ ! -e "$dir/recorded" ] && [ "$tries" -lt 100 ]; do sleep 0.02; tries=$((tries + 1)); done
  kill -KILL "$recorder" 2>/dev/null
  # Results outlast a power cut that the status outlasts; of a flood of them none will be fetched.
  find "$dir/log" "$dir/out" -type f -print0 | head -z -n 2000 | xargs -0 -r sync
  limit=
  [ -e "$dir/limit" ] && read -r limit <"$dir/limit"
  settle "$dir/status" "$status $limit"
  sync "$dir" "$dir/out"
}

# ground DIR: makes what DIR lies in. Who may rename there decides what is run and what is fetched: we and root alone (or sticky, as /tmp).
ground() {
  parent=\${1%/*}
  mkdir -p "$parent" || exit
  [ -n "$(find "$parent" -maxdepth 0 -type d \\( -user root -o -user "$(id -u)" \\) \\( ! -perm -0002 -o -perm -1000 \\))" ] && return
  echo "$parent is a link, belongs to somebody else, or everybody may rename in it: remove it, or set another workdir" >&2
  exit 1
}

# make DIR SETTINGS RUNNER: fails when it is there already.
make() {
  ground "$1"
  rm -rf "$1.gone"
  mkdir "$1" 2>/dev/null || { [ -d "$1" ] && exit ${LATE}; mkdir "$1"; exit; }
  chmod 0755 "$1"
  mkdir "$1/in" "$1/out" "$1/work" "$1/home" && printf '%s' "$2" >"$1/settings" && printf '%s' "$3" >"$1/runner"
}

# start DIR: returns when the attempt has begun, whoever began it.
start() {
  chmod a-w "$1/in" "$1"/in/* 2>/dev/null
  setsid sh "$1/runner" supervise "$1" </dev/null >/dev/null 2>&1 &
  while [ ! -e "$1/begun" ]; do
    kill -0 $! 2>/dev/null || [ -e "$1/begun" ] || { echo "the supervisor ended before it began: is setsid there, and $1 writable?" >&2; exit 1; }
    sleep 0.02
  done
  [ ! -e "$1/begun/closed" ] || exit ${LATE}
}

# state DIR: one line. Whoever is begun, has no status and does not live, lost its supervisor: what that left is killed first.
state() {
  if [ ! -d "$1" ]; then echo unknown
  elif [ ! -e "$1/begun" ]; then echo new
  elif [ -e "$1/begun/closed" ]; then echo closed
  elif [ -e "$1/status" ]; then read -r status limit <"$1/status"; echo "ended $status $limit"
  elif alive "$1/begun/pid"; then echo "running $(stat -c %s "$1/log" 2>/dev/null || echo 0)"
  elif [ -e "$1/status" ]; then state "$1"
  else
    bury "$1"
    limit=
    [ -e "$1/limit" ] && read -r limit <"$1/limit"
    echo "ended - $limit"
  fi
}

poll() {
  for dir; do state "$dir"; done
}

# close DIR: nothing will start in it any more; fails when something did.
close() {
  ground "$1"
  [ -d "$1" ] || mkdir "$1" 2>/dev/null || [ -d "$1" ] || exit
  claim "$1" closed '' || [ -e "$1/begun/closed" ] || exit ${LATE}
}

# abort DIR: returns when it has ended.
abort() {
  [ -e "$1/begun/pid" ] && [ ! -e "$1/status" ] || return 0
  # Begun a moment ago, its leader may not be known yet.
  while alive "$1/begun/pid" && [ ! -e "$1/step" ] && [ ! -e "$1/status" ]; do sleep 0.02; done
  stop "$1" aborted
  while alive "$1/begun/pid" && [ ! -e "$1/status" ]; do sleep 0.1; done
  state "$1" >/dev/null
}

# clean DIR: vanishes by one rename, so that a half removed one is never taken for a new one.
clean() {
  if [ -d "$1" ]; then
    abort "$1"
    rm -rf "$1.gone"
    mv -T "$1" "$1.gone"
  fi
  [ ! -d "$1.gone" ] || { rm -rf "$1.gone" 2>/dev/null || { chmod -R u+rwX "$1.gone"; rm -rf "$1.gone"; }; }
}

# wait_for SECONDS DIR...: returns when one has ended.
wait_for() {
  read -r now rest </proc/uptime
  deadline=$((\${now%.*} + $1))
  shift
  while [ "\${now%.*}" -lt "$deadline" ]; do
    for dir; do
      [ ! -e "$dir/status" ] && [ ! -e "$dir/begun/closed" ] || return 0
      [ ! -e "$dir/begun/pid" ] || alive "$dir/begun/pid" || return 0
    done
    sleep 0.15
    read -r now rest </proc/uptime
  done
}

# log DIR OFFSET BYTES
log() {
  [ ! -e "$1/log" ] || tail -c "+$(($2 + 1))" "$1/log" | head -c "$3"
}

verb=$1
shift
case $verb in
  wait) wait_for "$@" ;;
  make | start | supervise | step | poll | close | abort | clean | log) "$verb" "$@" ;;
  *) echo "runner: unknown verb $verb" >&2; exit 64 ;;
esac
exit
`;
