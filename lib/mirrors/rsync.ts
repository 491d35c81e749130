/**
 * A mirror on another machine, by rsync over ssh. One promise: at every moment each Release there names only files that are there: pool
 * first, then the indexes under their digests, then Release, InRelease last, deletions after that.
 */
import { join } from 'node:path';
import { TemporaryError } from '../errors.ts';
import { type Exec, endOf } from '../exec.ts';
import { serialDir } from '../repository/serials.ts';
import { type Delivery, destinationOf } from './mirrors.ts';

const RELEASES = ['Release', 'Release.gpg', 'InRelease'];
const HOUR_MS = 3_600_000;

export async function deliverByRsync(exec: Exec, delivery: Delivery): Promise<void> {
  const { mirror, dir, serial, held } = delivery;
  const shell = sshCommand(delivery);
  const pool = join(dir, 'pool');
  const dists = join(serialDir(dir, serial), 'dists');
  const send = async (from: string, options: readonly string[]): Promise<void> => {
    const target = `${destinationOf(mirror).replace(/\/+$/, '')}/`;
    const result = await exec(['rsync', '-rtp', '--chmod=D755,F644', '-s', '--timeout=120', '-e', shell, ...options, '--', from, target], {
      timeoutMs: 6 * HOUR_MS,
    });
    if (result.status !== 0) {
      throw new TemporaryError(
        'E_MIRROR',
        `mirror ${mirror.name} (${destinationOf(mirror)}) did not take serial ${serial}: rsync ${endOf(result)}`,
      );
    }
  };
  // By content: two serials of one second may have indexes of one size.
  await send(pool, ['--exclude=.*']);
  await send(dists, ['--checksum', ...RELEASES.map((name) => `--exclude=${name}`)]);
  await send(dists, ['--checksum', '--delay-updates', '--include=*/', '--include=Release', '--include=Release.gpg', '--exclude=*']);
  // A mirror that skipped serials keeps all indexes by hash this time: its readers may be asking for one that we no longer have.
  const keep = held !== undefined && held >= serial - 2 ? [] : ['--filter=P by-hash/*/*'];
  await send(dists, ['--checksum', '--delete-after', ...keep]);
  await send(pool, ['--delete-after', '--exclude=.*']);
}

/** For `rsync -e`, which splits at blanks, takes quotes as they are and a doubled quote inside quotes as one. */
function sshCommand({ mirror }: Delivery): string {
  const options = ['StrictHostKeyChecking=yes', 'BatchMode=yes', 'ConnectTimeout=10', 'ServerAliveInterval=15', 'ServerAliveCountMax=4'];
  // As in ssh_config: quotes hold blanks together, %% is a %.
  const file = (path: string): string => `"${path.replaceAll('%', '%%')}"`;
  if (mirror.identity !== undefined) options.push(`IdentityFile=${file(mirror.identity)}`, 'IdentitiesOnly=yes');
  if (mirror.knownHosts !== undefined) options.push(`UserKnownHostsFile=${file(mirror.knownHosts)}`);
  const words = ['ssh', '-x', '-p', String(mirror.port), ...options.flatMap((option) => ['-o', option])];
  return words.map((word) => `'${word.replaceAll("'", "''")}'`).join(' ');
}
