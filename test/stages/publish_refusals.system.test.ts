import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openRepository } from '../../lib/repository/repository.ts';
import { serialsOf } from '../../lib/repository/serials.ts';
import { publish } from '../../lib/stages/publish.ts';
import { type Key, makeKey } from '../helpers/key.ts';
import { makeTemp, removeTemp, run } from '../helpers/run.ts';
import { contextOf, handOverJob, queued, receiptOf, repositoryDir, type SiteSettings } from '../repository/site.ts';

let key: Key;
let root: string;
let dir: string;
let settings: SiteSettings;

beforeAll(async () => {
  key = await makeKey('Archive <archive@example.org>');
});
afterAll(() => key.remove());
beforeEach(async () => {
  root = await makeTemp('publish');
  dir = repositoryDir(root);
  settings = { root, gnupgHome: key.home, signingKeys: [key.fingerprint] };
});
afterEach(() => removeTemp(root));

describe('what publish refuses', () => {
  const refusal = async (id: string): Promise<string> => {
    const receipt = await receiptOf(root, id);
    expect(receipt.outcome).toBe('refused');
    return (receipt.reasons ?? []).join('\n');
  };

  it('a published file name with other content, and goes on with the others', async () => {
    await handOverJob(root, {});
    await publish(contextOf(settings));
    const bad = await handOverJob(root, { job: 'again', binaries: [{ name: 'hello', content: 'other\n' }] });
    const good = await handOverJob(root, { source: 'tidy' });
    await publish(contextOf(settings));
    expect(await refusal(bad)).toMatch(/hello_1.0_amd64.deb was published with other content/);
    expect((await receiptOf(root, good)).outcome).toBe('published');
    expect(await queued(root)).toEqual([]);
  });

  it('a source version that was published with other content', async () => {
    await handOverJob(root, {});
    await publish(contextOf(settings));
    const bad = await handOverJob(root, { architecture: 'arm64', sourceContent: 'changed\n' });
    await publish(contextOf(settings));
    expect(await refusal(bad)).toMatch(/hello_1.0.tar.xz was published with other content/);
    expect(serialsOf(dir)).toEqual([1]);
  });

  it('a binary name of another source, also within one run, unless takeovers allow it', async () => {
    await handOverJob(root, { source: 'aaa', binaries: [{ name: 'shared' }] });
    const bad = await handOverJob(root, { source: 'bbb', version: '2.0', binaries: [{ name: 'shared' }] });
    await publish(contextOf(settings));
    expect(await refusal(bad)).toMatch(/shared belongs to source aaa in suite fremantle/);
    const takeovers = join(root, 'takeovers');
    await writeFile(takeovers, '# agreed\nshared bbb\n');
    const again = await handOverJob(root, { source: 'bbb', version: '2.0', binaries: [{ name: 'shared' }], number: 2 });
    await publish(contextOf({ ...settings, takeovers }));
    expect((await receiptOf(root, again)).outcome).toBe('published');
    expect((await openRepository({ dir, suites: ['fremantle'] })).ownerOf('fremantle', 'shared')).toBe('bbb');
  });

  it('what is not what was handed over: digest, source, architecture, component, suite, every fault at once', async () => {
    const id = await handOverJob(root, {
      component: 'contrib',
      binaries: [
        { name: 'hello', fields: 'Source: evil\n' },
        { name: 'other', architecture: 'armel' },
      ],
      change: (entry) => ({
        ...entry,
        binaries: entry.binaries.map((deb) => (deb.name.startsWith('other') ? deb : { ...deb, size: deb.size - 1 })),
      }),
    });
    await publish(contextOf(settings));
    const reasons = await refusal(id);
    expect(reasons).toMatch(/hello_1.0_amd64.deb in the hand-over .* is larger than listed/);
    expect(reasons).toMatch(/other_1.0_armel.deb has Architecture armel: amd64 or all is expected/);
    expect(reasons).toMatch(/component contrib of hello is none of suite fremantle/);
    const stranger = await handOverJob(root, { source: 'tidy', change: (entry) => ({ ...entry, suite: 'chinook' }) });
    await publish(contextOf(settings));
    expect(await refusal(stranger)).toMatch(/has no suite chinook/);
  });

  it('a link in a hand-over', async () => {
    const id = await handOverJob(root, {});
    const deb = join(root, 'queue/fremantle', id, 'hello_1.0_amd64.deb');
    await rm(deb);
    await run(['ln', '-s', '/etc/hostname', deb]);
    await publish(contextOf(settings));
    expect(await refusal(id)).toMatch(/hello_1.0_amd64.deb .* is not a regular file/);
  });
});
