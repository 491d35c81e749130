/**
 * The real Debian cron with one user's crontab and nothing else, in mounts of its own: the machine's crontabs, its /etc/cron.* and a cron
 * that may run already are neither read nor touched. What a line prints comes back as the mail that cron would send. Needs root.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTemp, removeTemp, run } from './run.ts';

export interface TestCron {
  /** What cron handed to sendmail so far: none, as long as every line is silent. */
  mails(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const PRIVATE_MOUNTS = `set -eu
mount --bind "$1/crontabs" /var/spool/cron/crontabs
mount --bind "$1/empty" /etc/cron.d
mount --bind /dev/null /etc/crontab
[ -e /run/crond.pid ] || : >/run/crond.pid
mount --bind "$1/pid" /run/crond.pid
mount -t overlay overlay -o "lowerdir=$1/sbin:/usr/sbin" /usr/sbin
exec cron -f -L 15
`;

/** Starts cron for `user`; its lines run from the next full minute on. `programs` (name to script) are found in /usr/sbin. Stop it soon. */
export async function startCron(user: string, crontab: string, programs: Readonly<Record<string, string>> = {}): Promise<TestCron> {
  const dir = await makeTemp('cron');
  await chmod(dir, 0o755);
  for (const name of ['crontabs', 'empty', 'sbin', 'mail']) await mkdir(join(dir, name), { mode: 0o755 });
  await chmod(join(dir, 'mail'), 0o1777);
  await writeFile(join(dir, 'pid'), '');
  await writeFile(join(dir, 'sbin', 'sendmail'), `#!/bin/sh\nexec cat >"$(mktemp ${join(dir, 'mail')}/XXXXXXXX)"\n`, { mode: 0o755 });
  for (const [name, text] of Object.entries(programs)) await writeFile(join(dir, 'sbin', name), text, { mode: 0o755 });
  // cron takes a crontab that is the user's own and that nobody else can write.
  await writeFile(join(dir, 'crontabs', user), crontab, { mode: 0o600 });
  await run(['chown', `${user}:crontab`, join(dir, 'crontabs', user)]);

  const child = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', PRIVATE_MOUNTS, 'sh', dir], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()).once('error', () => resolve()));
  return {
    mails: async () => Promise.all((await readdir(join(dir, 'mail'))).map((name) => readFile(join(dir, 'mail', name), 'utf8'))),
    stop: async () => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
      await ended;
      await removeTemp(dir);
    },
  };
}
