/**
 * apt in a root of its own: a throwaway copy of the base system that knows the repository by its URL and its key. One promise: the
 * machine's own apt is neither asked nor changed.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChrootPlace } from '../chroots/places.ts';
import { ExpectedError } from '../errors.ts';
import { type ExecResult, endOf, exec } from '../exec.ts';

/** Arguments: URL SUITE KEY (base64) PACKAGE…. Installs them and shows what they are good for. */
const INSTALL = `
set -eu
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
url=$1 suite=$2 key=$3
shift 3
mkdir -p /etc/apt/keyrings
echo "$key" | base64 -d >/etc/apt/keyrings/demo.gpg
chmod 644 /etc/apt/keyrings/demo.gpg
echo "deb [signed-by=/etc/apt/keyrings/demo.gpg] $url $suite main" >/etc/apt/sources.list.d/demo.list
# Rather this repository's than the distribution's package of the same name.
printf 'Package: *\\nPin: origin "127.0.0.1"\\nPin-Priority: 1001\\n' >/etc/apt/preferences.d/demo
# Nothing that is installed here starts a service.
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
cat >/etc/apt/apt.conf.d/99demo <<END
Acquire::http::Proxy::127.0.0.1 "DIRECT";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Dpkg::Use-Pty "false";
quiet "1";
END
# The distribution's own lists are in the base system already.
alone='-o Dir::Etc::SourceList=/etc/apt/sources.list.d/demo.list -o Dir::Etc::SourceParts=- -o APT::Get::List-Cleanup=false'
install='apt-get install -y --reinstall --allow-downgrades'
set -x
apt-get update -o APT::Update::Error-Mode=any $alone
# Packages of one source may exclude each other: then the first that can be installed.
$install "$@" || for package; do $install "$package" || continue; set -- "$package"; break; done
`;

/** The package that ships with the project has a program to run. */
export const RUN_SHIPPED = `
pocketcal --version
pocketcal 2026 2
`;

/** Whatever the user's package is. */
export const RUN_ANY = `
{ set +x; } 2>/dev/null
echo 'installed files:'
dpkg -L "$@" | sort -u | while read -r path; do [ ! -f "$path" ] || echo "  $path"; done | head -n 20
program=$(dpkg -L "$@" | grep -m1 '^/usr/bin/.' || true)
[ -z "$program" ] || { echo "+ $program --version"; timeout 20 "$program" --version </dev/null 2>&1 | head -n 5 || true; }
`;

/** As a user: a root of its own needs a range of user ids. Arguments: TARBALL DIRECTORY SCRIPT and the script's own. */
const UNSHARED = `
set -eu
tarball=$1 root=$2 script=$3
shift 3
mkdir "$root"
trap 'umount -l "$root/dev" "$root/proc" 2>/dev/null; rm -rf --one-file-system "$root"' EXIT
tar -xf "$tarball" -C "$root" --exclude='./dev/*'
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/resolv.conf"
chroot "$root" sh -c "$script" demo "$@"
`;

export interface InstallRequest {
  /** The base system that the root is a copy of. */
  readonly base: ChrootPlace;
  readonly asRoot: boolean;
  /** A directory to make the root in; only used without root. */
  readonly work: string;
  readonly url: string;
  readonly suite: string;
  /** Binary public key file. */
  readonly signedBy: string;
  readonly packages: readonly string[];
  /** Lines of sh that run there after the installation; the packages are "$@". */
  readonly script: string;
  readonly signal?: AbortSignal;
}

/** Installs packages with apt and runs a script; standard output and error together are in `stdout`. */
export async function installPackages(request: InstallRequest): Promise<ExecResult> {
  const { base, work, url, suite, packages, signal } = request;
  const key = (await readFile(request.signedBy)).toString('base64');
  const script = `exec 2>&1\n${INSTALL}${request.script}`;
  const args = [url, suite, key, ...packages];
  const options = signal === undefined ? {} : { signal };
  if (!request.asRoot) {
    const isolated = ['--map-auto', '--map-root-user', '--mount', '--pid', '--fork', '--kill-child'];
    return exec(['unshare', ...isolated, 'sh', '-c', UNSHARED, 'demo', base.tarball, join(work, 'root'), script, ...args], options);
  }
  const session = `${base.schrootName}-apt`;
  const end = (): Promise<ExecResult> => exec(['schroot', '-q', '-e', '-f', '-c', `session:${session}`]);
  // One may be left of a run that was killed.
  await end();
  const begun = await exec(['schroot', '-b', '-c', base.schrootName, '-n', session]);
  if (begun.status !== 0) return begun;
  const inside = ['schroot', '-r', '-c', `session:${session}`, '-u', 'root', '-d', '/', '--', 'sh', '-c', script, 'demo', ...args] as const;
  const result = await exec(inside, options);
  const ended = await end();
  if (ended.status === 0) return result;
  throw new ExpectedError('E_SESSION', `schroot could not end the session ${session} (schroot -e -c session:${session}): ${endOf(ended)}`);
}
