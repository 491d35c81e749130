/** What keeps a job from being built now: a busy host, a dependency that is not there. Neither loses it, and each ends. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeTemp, removeTemp, until } from '../helpers/run.ts';
import { architecture, makeSite, reasonOf, type Site } from '../helpers/site.ts';
import { expectLegalStates } from '../helpers/tree.ts';
import { writeUpload } from '../helpers/upload.ts';

let site: Site;
let made: string;
beforeEach(async () => {
  made = await makeTemp('upload');
});
afterEach(async () => {
  await site.remove();
  await removeTemp(made);
});

async function upload(): Promise<void> {
  const { names } = await writeUpload(made, { key: site.uploader, distribution: 'stable' });
  await site.drop(made, names);
  await site.stage('verify');
}

it('nothing is started on a host whose load is above max_load', async () => {
  const busy = { kind: 'local', architectures: `${await architecture()} all`, workdir: join(made, 'work'), max_load: '0.01' };
  site = await makeSite({ product: { build_command: 'true' }, host: busy });
  await upload();
  const load = Number.parseFloat(await readFile('/proc/loadavg', 'utf8'));
  await site.stage('dispatch');
  // Two decimals: an idle machine may say 0.01, and then the host is free.
  expect(await readdir(join(site.spool, 'queued'))).toHaveLength(load > 0.01 ? 1 : 0);
});

it('a missing dependency waits; what was published wakes it; after waiting_timeout it fails, and says for how long', async () => {
  site = await makeSite({ product: { build_command: 'echo libmissing-dev is not there && exit 69' } });
  await upload();
  const build = (): Promise<unknown> =>
    until('it to wait', async () => {
      await site.stage('dispatch');
      await site.stage('collect');
      return (await readdir(join(site.spool, 'waiting'))).length === 1;
    });
  await build();
  await site.stage('publish');
  await site.stage('dispatch');
  expect(await readdir(join(site.spool, 'waiting'))).toEqual([]);
  await build();
  const [id = ''] = await readdir(join(site.spool, 'waiting'));
  const journal = join(site.spool, 'waiting', id, 'journal');
  expect((await readFile(journal, 'utf8')).match(/"verdict":"dependency"/g)?.length).toBe(2);
  // Eight days pass.
  const past = new Date(Date.now() - 8 * 86_400_000).toISOString();
  await writeFile(journal, (await readFile(journal, 'utf8')).replace(/"time":"[^"]*"/g, `"time":"${past}"`));
  await site.stage('collect');
  expect(await reasonOf(join(site.spool, 'failed', id))).toMatch(/waited 192 h in vain/);
  await expectLegalStates(site.spool);
});
