import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serve, type WebServer } from '../../lib/demo/web.ts';
import { makeTemp, removeTemp } from '../helpers/run.ts';

let dir: string;
let web: WebServer;
beforeAll(async () => {
  dir = await makeTemp('web');
  await mkdir(join(dir, 'live', 'serials', '1'), { recursive: true });
  await writeFile(join(dir, 'live', 'serials', '1', 'In+Release'), 'signed\n');
  await symlink('serials/1', join(dir, 'live', 'dists'));
  await writeFile(join(dir, 'secret'), 'secret\n');
  await symlink('../secret', join(dir, 'live', 'out'));
  web = await serve(join(dir, 'live'));
});
afterAll(async () => {
  web.stop();
  await removeTemp(dir);
});

/** The path goes out as it is: fetch() would take the dots away. */
function get(path: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(web.url, { path }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

it('shows a file below its directory, also through a link within it', async () => {
  expect(await get('/dists/In%2BRelease')).toEqual({ status: 200, body: 'signed\n' });
});

it.each(['/out', '/../secret', '/%2e%2e/secret', '/dists', '/', '/nothing', '/%ff%00', '/%'])('does not show %s', async (path) => {
  expect(await get(path)).toEqual({ status: 404, body: '' });
});
