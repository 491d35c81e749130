/** Hostile .debs, made by hand: an ar with a control archive of our choice. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exec } from '../../../lib/exec.ts';
import { parseControl } from '../../../lib/formats/deb/control.ts';
import { readDebControl, sourceOf } from '../../../lib/formats/deb/debfile.ts';
import { makeTemp, removeTemp, run } from '../../helpers/run.ts';

let dir: string;
beforeEach(async () => {
  dir = await makeTemp('debfile');
});
afterEach(() => removeTemp(dir));

const CONTROL = 'Package: pebble\nVersion: 1.0\nArchitecture: all\nMaintainer: Uma <uma@example.org>\nDescription: x\n';

/** `fill` adds to the directory that becomes the control archive. */
async function makeDeb(control: string, fill = 'true'): Promise<string> {
  await mkdir(join(dir, 'control'));
  await writeFile(join(dir, 'control', 'control'), control);
  const pack = `cd control && ${fill} && tar -czf ../control.tar.gz . && cd .. && tar -czf data.tar.gz -T /dev/null && echo 2.0 >debian-binary`;
  // An ar member: name, times and owners, mode, size, two magic bytes; padded to an even length.
  const ar = `{ printf '!<arch>\\n'; for f in debian-binary control.tar.gz data.tar.gz; do
    s=$(stat -c %s $f); printf '%-16s%-12s%-6s%-6s%-8s%-10s\`\\n' $f 0 0 0 100644 $s; cat $f; [ $((s % 2)) = 0 ] || echo; done; } >x.deb`;
  await run(['sh', '-c', `${pack} && ${ar}`], { cwd: dir });
  return join(dir, 'x.deb');
}

it('a good one gives its fields', async () => {
  expect((await readDebControl(exec, await makeDeb(CONTROL))).get('package')?.value).toBe('pebble');
});

it('one whose control archive unpacks to gigabytes is refused before dpkg-deb unpacks it on our disk', async () => {
  await expect(readDebControl(exec, await makeDeb(CONTROL, 'truncate -s 1000M md5sums'))).rejects.toMatchObject({
    code: 'E_BAD_DEB',
    message: expect.stringContaining('unpacks to more than'),
  });
});

it.each([
  ['more than one paragraph', `${CONTROL}\n${CONTROL.replace('pebble', 'bash')}`, /more than one paragraph/],
  ['a field twice', `${CONTROL}Package: bash\n`, /second time/],
])('one with %s is refused', async (_, control, expected) => {
  await expect(readDebControl(exec, await makeDeb(control))).rejects.toThrow(expected);
});

it.each([
  ['', 'pebble', '1.0'],
  ['Source: stone\n', 'stone', '1.0'],
  ['Source: stone (2:3-1)\n', 'stone', '2:3-1'],
  ['Source: bash (5) (6)\n', 'bash (5) (6)', '1.0'],
  ['Source: bash\n (1.0)\n', 'bash\n(1.0)', '1.0'],
])('the source of a package with %j is %j %j', (field, name, version) => {
  const [paragraph = new Map()] = parseControl(`${CONTROL}${field}`).paragraphs;
  expect(sourceOf(paragraph)).toEqual({ name, version });
});
