/** crontab.example as it stands, under the real cron, as a user who is not root: its lines drive a package through, and print nothing. */
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCron, type TestCron } from '../../helpers/cron.ts';
import { buildSource } from '../../helpers/packages.ts';
import { makeTemp, removeTemp, run } from '../../helpers/run.ts';
import { architecture, BUILDME, makeSite, type Site } from '../../helpers/site.ts';
import { makeUser, type TestUser } from '../../helpers/user.ts';
import { poolOf } from '../site.ts';

const EXAMPLE = fileURLToPath(new URL('../../../crontab.example', import.meta.url));

let site: Site;
let user: TestUser;
let cron: TestCron;
let made: string;
beforeAll(async () => {
  made = await makeTemp('made');
  user = await makeUser();
  site = await makeSite();
  await chmod(site.dir, 0o755);
  await run(['chown', '-R', user.name, site.dir, site.signer.home]);
  const upload = await buildSource('wordtally', made, { key: site.uploader });
  await run(['chmod', '-R', 'a+rX', made]);
  // An uploader of another account: the files are not the user's own.
  await site.drop(made, upload.upload);
  const crontab = (await readFile(EXAMPLE, 'utf8')).replace(/^SHELL=/m, `BUILDME_CONF=${site.configFile}\nSHELL=`);
  cron = await startCron(user.name, crontab, {
    buildme: `#!/bin/sh\necho "$*" >>'${user.home}/started'\nexec '${process.execPath}' '${BUILDME}' "$@"\n`,
  });
});
afterAll(async () => {
  await cron?.stop();
  await run(['gpgconf', '--homedir', site.signer.home, '--kill', 'gpg-agent']);
  await site?.remove();
  await user?.remove();
  await removeTemp(made);
});

it('a package goes from incoming to the mirror by the lines of crontab.example alone', async () => {
  const arch = await architecture();
  const mail = await site.smtp.mailAbout('wordtally 3.2 all: published', 540_000);
  expect(mail.recipients).toContain('uma@example.org');
  expect(await poolOf(site.live, 'wordtally')).toContain('wordtally_3.2_all.deb');
  await run(['gpgv', '--keyring', site.signedBy, join(site.live, 'dists', 'stable', 'InRelease')]);
  expect(await readFile(join(site.live, 'dists', 'stable', 'main', `binary-${arch}`, 'Packages.gz'))).not.toHaveLength(0);
});

it('each stage was started by a line of its own, and printed nothing that cron would mail', async () => {
  const started = new Set((await readFile(join(user.home, 'started'), 'utf8')).trim().split('\n'));
  expect([...started].sort()).toEqual(['accept', 'collect', 'dispatch', 'notify', 'publish', 'sync', 'verify']);
  expect(await cron.mails()).toEqual([]);
});
