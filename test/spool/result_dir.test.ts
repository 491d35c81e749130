import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { copyToResultDir } from '../../lib/spool/result_dir.ts';
import { makeTemp, removeTemp } from '../helpers/run.ts';

let dir: string;
beforeEach(async () => {
  dir = await makeTemp('results');
  await writeFile(join(dir, 'log'), 'x');
});
afterEach(() => removeTemp(dir));

it('results are not led elsewhere by a link that somebody planted', async () => {
  await mkdir(join(dir, 'elsewhere'));
  await symlink(join(dir, 'elsewhere'), join(dir, 'pebble_1.0'));
  await expect(copyToResultDir(join(dir, 'pebble_1.0'), [{ from: join(dir, 'log'), name: 'a.log' }])).rejects.toMatchObject({
    code: 'E_RESULT_DIR',
  });
  expect(await readdir(join(dir, 'elsewhere'))).toEqual([]);
});

it('a link in the place of a result is replaced, not followed', async () => {
  await mkdir(join(dir, 'pebble_1.0'));
  await symlink(join(dir, 'secret'), join(dir, 'pebble_1.0', 'a.log'));
  await copyToResultDir(join(dir, 'pebble_1.0'), [{ from: join(dir, 'log'), name: 'a.log' }]);
  expect(await readdir(dir)).toEqual(['log', 'pebble_1.0']);
});
