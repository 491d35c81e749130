/** How long a host with faults is left alone. */
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { backOffMs, clearFaults, leftAlone, noteFault, readFaults } from '../../lib/hosts/faults.ts';
import { Spool } from '../../lib/spool/spool.ts';
import { makeTemp, removeTemp } from '../helpers/run.ts';

const NOW = new Date('2024-07-01T12:00:00Z');
let temp: string;
let spool: Spool;

beforeEach(async () => {
  temp = await makeTemp('faults');
  spool = new Spool(temp);
  await spool.prepare();
});
afterEach(() => removeTemp(temp));

it('the time doubles from one minute up to thirty', () => {
  expect([1, 2, 3, 4, 5, 6, 50].map((count) => backOffMs(count) / 60_000)).toEqual([1, 2, 4, 8, 16, 30, 30]);
});

it('a fault leaves a host alone until its time is over, and says why', async () => {
  await noteFault(spool, 'b1', NOW, 'no route');
  const faults = await noteFault(spool, 'b1', NOW, 'refuses the key');
  expect(faults).toEqual({ count: 2, until: '2024-07-01T12:02:00.000Z', reason: 'refuses the key' });
  expect(leftAlone(await readFaults(spool, 'b1'), new Date('2024-07-01T12:01:59Z'))).toBe(
    '2 faults in a row, until 2024-07-01T12:02:00.000Z; the last: refuses the key',
  );
  expect(leftAlone(faults, new Date('2024-07-01T12:02:00Z'))).toBeUndefined();
});

it('a host is not left alone until a time that a wrong clock gave', async () => {
  const faults = await noteFault(spool, 'b1', new Date('2030-01-01T00:00:00Z'), 'no route');
  expect(leftAlone(faults, NOW)).toBeUndefined();
});

it('one success forgets the faults', async () => {
  await noteFault(spool, 'b1', NOW, 'no route');
  await clearFaults(spool, 'b1');
  await clearFaults(spool, 'b1');
  expect(await readFaults(spool, 'b1')).toBeUndefined();
  expect((await noteFault(spool, 'b1', NOW, 'again')).count).toBe(1);
});

it.each(['', '{', '{"count":"x"}', '{"count":1,"until":"never"}'])('a damaged file (%s) counts as no fault', async (text) => {
  await writeFile(spool.file('hosts', 'b1'), text);
  expect(await readFaults(spool, 'b1')).toBeUndefined();
});
