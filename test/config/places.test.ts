import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectOwnSpool } from '../../lib/config/places.ts';
import { makeTemp, removeTemp } from '../helpers/run.ts';

it('a spool of our own, or none yet, is fine; that of another user is told with both users', async () => {
  const dir = await makeTemp('places');
  try {
    expectOwnSpool(dir);
    expectOwnSpool(join(dir, 'missing'));
    const root = process.geteuid?.() === 0;
    if (root) await chown(dir, 65534, 65534);
    expect(() => expectOwnSpool(root ? dir : '/')).toThrow(
      /belongs to user id (65534|0), and this runs as user id .*sudo -u '#(65534|0)' buildme/,
    );
  } finally {
    await removeTemp(dir);
  }
});
