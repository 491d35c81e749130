/**
 * sbuild in a base system of ours, registered with schroot or as a tarball. With --nolog everything goes to our log and only results to
 * --build-dir; a run is judged by its exit status (0 successful, 2 attempted, 3 given-back, 1 the rest) and, for 1, its last Fail-Stage.
 */
import { placeOf } from '../chroots/places.ts';
import { ConfigError } from '../errors.ts';
import { shellQuote } from './shell.ts';
import { type BuildRequest, baseArchitecture, type Tool } from './tool.ts';

/** Stages of sbuild's Build.pm in which only the package's own content can fail; in all others the host or its base system did. */
const PACKAGE_STAGES = [
  'unpack',
  'check-unpacked-version',
  'arch-check',
  'check-architecture',
  'dpkg-buildpackage',
  'build',
  'parse-changes',
];

export const sbuild: Tool = { build, judge };

function build(request: BuildRequest): string {
  const { config, product, job, host } = request;
  if (product.chroot === undefined)
    throw new ConfigError('E_NO_CHROOT', `[product ${product.name}] builds with sbuild but names no chroot: add chroot = NAME`);
  const architecture = baseArchitecture(request);
  const place = placeOf(config.global, product.chroot, architecture);
  return [
    'exec sbuild --nolog',
    host.sbuildMode === 'unshare'
      ? `--chroot-mode=unshare -c ${shellQuote(place.tarball)}`
      : `--chroot-mode=schroot -c ${place.schrootName}`,
    `-d ${shellQuote(job.suite)} --arch=${architecture}`,
    job.architecture === 'all' ? '--arch-all --no-arch-any' : job.buildsAll ? '--arch-all' : '--no-arch-all',
    '--no-run-lintian --no-run-piuparts --no-run-autopkgtest',
    // The base system keeps its package lists; `chroot refresh` renews it.
    '--no-apt-update --no-apt-upgrade --no-apt-distupgrade --bd-uninstallable-explainer=none',
    `--build-dir="$BUILDME_OUT" "$BUILDME_IN"/${shellQuote(job.dsc)}`,
  ].join(' ');
}

function judge({ status, logTail }: Parameters<Tool['judge']>[0]): ReturnType<Tool['judge']> {
  const stage = lastField(logTail, 'Fail-Stage');
  if (status === 0) return { verdict: 'ok', reason: 'sbuild succeeded' };
  if (status === 2) return { verdict: 'package', reason: `the package failed to build${stage === undefined ? '' : ` (stage ${stage})`}` };
  if (status === 3) {
    const missing = missingIn(logTail);
    // Nothing is missing by name: it could not be fetched, or the base system is damaged.
    if (missing.length === 0)
      return { verdict: 'host', reason: 'sbuild gave it back, but names no missing dependency: the base system may need a refresh' };
    return { verdict: 'dependency', reason: `build dependencies cannot be installed: ${missing.join(', ')}`, missing };
  }
  if (status === 1 && stage !== undefined && PACKAGE_STAGES.includes(stage))
    return { verdict: 'package', reason: `the package failed in sbuild's stage ${stage}` };
  if (/^E: .*: Chroot not found$/m.test(logTail))
    return { verdict: 'host', reason: 'its base system is not on the host: make it there with buildme chroot create NAME HOST' };
  if (status === 127) return { verdict: 'host', reason: 'sbuild is not installed on the host: apt-get install sbuild' };
  const said = logTail.match(/^E: .*/gm)?.at(-1);
  return {
    verdict: 'host',
    reason: `sbuild could not work (exit status ${status}${stage === undefined ? '' : `, stage ${stage}`})${said === undefined ? '' : `: ${said.slice(3, 300)}`}`,
  };
}

/** The last one stands in sbuild's own summary, behind everything that a package may have printed. */
function lastField(log: string, name: string): string | undefined {
  return [...log.matchAll(new RegExp(`^${name}: (\\S+)$`, 'gm'))].at(-1)?.[1];
}

/** apt's lines below "unmet dependencies", in the resolver's last run. */
function missingIn(log: string): string[] {
  const unmet = log.slice(Math.max(0, log.lastIndexOf('The following packages have unmet dependencies')));
  return [...new Set([...unmet.matchAll(/Depends: (\S{1,200}(?: \([^)\n]{0,200}\))?) but /g)].map((match) => match[1] ?? ''))].slice(0, 50);
}
