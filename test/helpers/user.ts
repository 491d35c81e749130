/** A login user of its own for a test, who may log in over ssh with a key. Needs root. One promise: `remove` leaves no account. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { exec } from '../../lib/exec.ts';
import { makeTemp, removeTemp, run, until } from './run.ts';

export interface TestUser {
  readonly name: string;
  readonly home: string;
  remove(): Promise<void>;
}

/** Makes the user, also a member of `groups`. */
export async function makeUser(groups: readonly string[] = []): Promise<TestUser> {
  const above = await makeTemp('user');
  await run(['chmod', '755', above]);
  const name = `bm${randomBytes(4).toString('hex')}`;
  const home = join(above, 'home');
  await run(['useradd', '-m', '-d', home, '-s', '/bin/sh', ...groups.flatMap((group) => ['-G', group]), name]);
  // '!' would be a locked account, which sshd without PAM refuses.
  await run(['usermod', '-p', '*', name]);
  return {
    name,
    home,
    remove: async () => {
      // 8: a process of his still runs, 1: /etc/passwd is locked by somebody else's useradd. Both pass.
      await until(`the end of user ${name}`, async () => [0, 6].includes((await exec(['userdel', name])).status ?? -1));
      await removeTemp(above);
    },
  };
}
