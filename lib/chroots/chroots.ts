/**
 * Base systems on a host: made by mmdebstrap, beside, and put into place by one rename. Two promises: a build never finds half a base
 * system, and a tree that a running build stands on is not removed. Making one that is there and young enough does nothing.
 * BUGS: a build that begins in the very moment of a refresh may find its tree gone; that is the host's fault, and it is tried again.
 */
import type { Chroot, Config, HostConfig } from '../config/types.ts';
import { ConfigError, TemporaryError } from '../errors.ts';
import { digestOf } from '../spool/ids.ts';
import { type ChrootPlace, placeOf } from './places.ts';
import { AS_ROOT, CREATE, LOOK, REMOVE } from './scripts.ts';

/** What is needed of a Host. */
export interface ScriptRunner {
  readonly name: string;
  script(
    text: string,
    args: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }>;
}

export interface ChrootRequest {
  readonly config: Config;
  readonly host: HostConfig;
  readonly chroot: Chroot;
  /** Not `all`. */
  readonly architecture: string;
}

/** mmdebstrap takes half a minute from a near mirror. */
const CREATE_MS = 3_600_000;
const REMOVE_MS = 600_000;
/** Exit statuses of the scripts. */
const NEEDS_ROOT = 77;
const BUSY = 75;
const CONFIGURATION = 78;

/** `create` makes what is missing, older than max_age, or described differently now; `renew` the same, but nothing that is missing; `refresh` in any case. */
export type Making = 'create' | 'renew' | 'refresh';

export async function createChroot(on: ScriptRunner, request: ChrootRequest, making: Making = 'create'): Promise<'made' | 'kept'> {
  const { chroot, architecture, host } = request;
  const place = placeIn(request);
  const settings = [chroot.suite, architecture, chroot.mirror ?? '', chroot.packages.join(',')];
  const seconds = making === 'refresh' ? 0 : Math.round(chroot.maxAgeMs / 1000);
  const said = await run(
    on,
    request,
    [LOOK, CREATE],
    [host.sbuildMode, ...filesOf(place), ...settings, digestOf(...settings), String(seconds), making === 'renew' ? 'leave' : 'make'],
    CREATE_MS,
  );
  return said.endsWith('made\n') ? 'made' : 'kept';
}

/** Removes all of it: tree or tarball, and what registers it. Throws TemporaryError E_CHROOT_BUSY while a build uses it. */
export async function removeChroot(on: ScriptRunner, request: ChrootRequest): Promise<'removed' | 'absent'> {
  const said = await run(on, request, ['exit 1', REMOVE], [request.host.sbuildMode, ...filesOf(placeIn(request))], REMOVE_MS);
  return said.endsWith('removed\n') ? 'removed' : 'absent';
}

function placeIn({ config, chroot, architecture }: ChrootRequest): ChrootPlace {
  return placeOf(config.global, chroot.name, architecture);
}

function filesOf(place: ChrootPlace): string[] {
  return [place.tree, place.tarball, place.registration, place.schrootName];
}

/** Schroot mode registers in /etc and makes devices: as root, or by sudo without a password. */
async function run(
  on: ScriptRunner,
  { chroot, host }: ChrootRequest,
  scripts: readonly [look: string, script: string],
  args: readonly string[],
  timeoutMs: number,
): Promise<string> {
  const { status, stdout, stderr } = await on.script(AS_ROOT, [...scripts, ...args], timeoutMs);
  if (status === 0) return stdout;
  const what = `base system ${chroot.name} on host ${on.name}`;
  const said = stderr.trim().split('\n').slice(-5).join('; ').slice(-1000);
  if (status === NEEDS_ROOT) {
    throw new ConfigError(
      'E_CHROOT_ROOT',
      `${what}: sbuild_mode = schroot needs root there, and its user may not use sudo without a password: run this as root, allow it, or set sbuild_mode = unshare in [host ${host.name}]`,
    );
  }
  if (status === CONFIGURATION) throw new ConfigError('E_CHROOT', `${what}: ${said}`);
  if (status === BUSY) throw new TemporaryError('E_CHROOT_BUSY', `${what}: ${said}`);
  throw new TemporaryError('E_CHROOT', `${what} could not be made or removed (exit status ${status}): ${said}`);
}
