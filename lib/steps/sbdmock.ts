/**
 * sbdmock, Maemo's builder over scratchbox, by its conventions: exit status 0, 1 usage, 10 build, 20 root setup, 30 apt, 40 package,
 * 50 scratchbox; lines `[TIME] STATE`; logs in the result directory beside the results. Its target is CHROOT-ARCHITECTURE (CHROOT: the
 * product's, else the suite): /etc/sbdmock/TARGET.cfg, or ~/.sbdmock/TARGET.cfg of the login user.
 */
import { shellQuote } from './shell.ts';
import { type BuildRequest, baseArchitecture, type Tool } from './tool.ts';

export const sbdmock: Tool = { build, judge };

function build(request: BuildRequest): string {
  const { product, job } = request;
  const target = `${product.chroot ?? job.suite}-${baseArchitecture(request)}`;
  const kind = job.buildsAll || job.architecture === 'all' ? '-b' : '-B';
  return [
    'mkdir result state || exit',
    `HOME=$(getent passwd "$(id -u)" | cut -d: -f6) sbdmock -r ${shellQuote(target)} ${kind} --resultdir "$PWD/result" --statedir "$PWD/state" "$BUILDME_IN"/${shellQuote(job.dsc)}`,
    'status=$?',
    // Logs belong to the log; what else lies there is a result.
    'for log in result/*.log; do [ ! -f "$log" ] || { echo "== $log"; cat "$log"; }; done',
    'find result -type f ! -name "*.log" -exec mv -t "$BUILDME_OUT" {} +',
    'exit $status',
  ].join('\n');
}

function judge({ status, logTail }: Parameters<Tool['judge']>[0]): ReturnType<Tool['judge']> {
  if (status === 0) return { verdict: 'ok', reason: 'sbdmock succeeded' };
  const said = logTail
    .match(/^Error occured: .*/gm)
    ?.at(-1)
    ?.slice(15, 300);
  const state = [...logTail.matchAll(/^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (\w+)$/gm)].at(-1)?.[1];
  const where = `${state === undefined ? '' : ` in state ${state}`}${said === undefined ? '' : `: ${said}`}`;
  if (status === 10) return { verdict: 'package', reason: `the package failed to build${where}` };
  if (status === 40) {
    const unmet = /Unable to satisfy build-deps: (.*)/.exec(logTail)?.[1];
    if (unmet === undefined) return { verdict: 'package', reason: `sbdmock refused the package${where}` };
    const missing = unmet
      .slice(0, 10_000)
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .slice(0, 50);
    return { verdict: 'dependency', reason: `build dependencies cannot be installed: ${missing.join(', ')}`, missing };
  }
  const what: Readonly<Record<number, string>> = { 1: 'its configuration or call', 20: 'its root', 30: 'apt', 50: 'scratchbox' };
  return { verdict: 'host', reason: `sbdmock could not work (${what[status] ?? 'unknown'}, exit status ${status})${where}` };
}
