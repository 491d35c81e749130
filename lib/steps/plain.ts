/** plain: a command line of the site's own, or dpkg-buildpackage in what the host has installed. Exit: 0 ok, 69 dependency, 75 host, else package. */
import { shellQuote } from './shell.ts';
import type { BuildRequest, Tool } from './tool.ts';

/** sysexits.h: EX_UNAVAILABLE and EX_TEMPFAIL. */
const DEPENDENCY = 69;
const HOST = 75;
/** Characters of a hostile line that are taken apart. */
const MAX_LIST = 10_000;

export const plain: Tool = { build, judge };

function build({ job }: BuildRequest): string {
  const kind = job.architecture === 'all' ? '-A' : job.buildsAll ? '-b' : '-B';
  const check = kind === '-b' ? '' : ` ${kind}`;
  return [
    `command -v dpkg-buildpackage >/dev/null || { echo 'dpkg-buildpackage is not installed' >&2; exit ${HOST}; }`,
    `dpkg-source --no-copy -x "$BUILDME_IN"/${shellQuote(job.dsc)} source && cd source || exit 1`,
    `dpkg-checkbuilddeps${check} || exit ${DEPENDENCY}`,
    `dpkg-buildpackage -us -uc ${kind} && find .. -maxdepth 1 -type f -exec mv -t "$BUILDME_OUT" {} +`,
  ].join('\n');
}

function judge({ status, logTail }: Parameters<Tool['judge']>[0]): ReturnType<Tool['judge']> {
  if (status === 0) return { verdict: 'ok', reason: 'the command succeeded' };
  if (status === DEPENDENCY) {
    const missing = missingIn(logTail);
    return {
      verdict: 'dependency',
      reason: `the command needs what cannot be installed${missing.length > 0 ? `: ${missing.join(', ')}` : ''}`,
      missing,
    };
  }
  if (status === HOST) return { verdict: 'host', reason: `the command blames the host (exit status ${HOST})` };
  const absent = status === 127 ? ': something that it calls is not installed on the host' : '';
  return { verdict: 'package', reason: `the command failed with exit status ${status}${absent}` };
}

/** dpkg-checkbuilddeps separates by blanks: `a b (>= 2) c`. */
function missingIn(log: string): string[] {
  const list = /Unmet build dependencies: (.*)$/m.exec(log)?.[1] ?? '';
  return list.slice(0, MAX_LIST).match(/\S+( \([^)]*\))?/g) ?? [];
}
