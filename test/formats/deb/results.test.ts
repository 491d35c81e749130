import { describe, expect, it } from 'vitest';
import type { Changes } from '../../../lib/formats/deb/changes.ts';
import { type BuildResults, problemsWith } from '../../../lib/formats/deb/results.ts';
import type { JobFile } from '../../../lib/spool/job.ts';

const job = {
  source: 'hello',
  version: '1:2.0-1',
  architecture: 'amd64',
  buildsAll: true,
  binaries: ['hello', 'hello-doc'],
} as unknown as JobFile;
const deb = { name: 'hello_2.0-1_amd64.deb', size: 10, sha256: 'aa' };
const doc = { name: 'hello-doc_2.0-1_all.deb', size: 11, sha256: 'bb' };
const info = { name: 'hello_2.0-1_amd64.buildinfo', size: 12, sha256: 'cc' };
const changesFile = { name: 'hello_2.0-1_amd64.changes', size: 13, sha256: 'dd' };
const built = {
  file: deb.name,
  name: 'hello',
  version: '1:2.0-1',
  architecture: 'amd64',
  source: 'hello',
  sourceVersion: '1:2.0-1',
  section: 'misc',
};
const builtDoc = { ...built, file: doc.name, name: 'hello-doc', architecture: 'all' };
const changes = {
  source: 'hello',
  version: '1:2.0-1',
  sourceVersion: '1:2.0-1',
  architectures: ['amd64', 'all'],
  files: [deb, doc, info].map(({ name, size, sha256 }) => ({ name, size, digests: { sha256 } })),
} as unknown as Changes;
const good: BuildResults = {
  files: [deb, doc, info, changesFile],
  changes,
  changesNames: [changesFile.name],
  buildinfoNames: [info.name],
  buildinfoFiles: new Map([
    [deb.name, 'aa'],
    [doc.name, 'bb'],
  ]),
  packages: [built, builtDoc],
  faults: [],
};
const withPackage = (change: Partial<typeof built>): BuildResults => ({ ...good, packages: [{ ...built, ...change }, builtDoc] });

describe('results of a build', () => {
  it('what was asked for has no problem', () => {
    expect(problemsWith(good, job)).toEqual([]);
  });

  it('a -dbgsym of a declared package is taken, another is not', () => {
    const symbols = (name: string): BuildResults => {
      const file = `${name}_2.0-1_amd64.deb`;
      const listed = { name: file, size: 1, sha256: 'ee' };
      return {
        ...good,
        files: [...good.files, listed],
        changes: { ...changes, files: [...changes.files, { name: file, size: 1, digests: { sha256: 'ee' } }] },
        buildinfoFiles: new Map([...good.buildinfoFiles, [file, 'ee']]),
        packages: [...good.packages, { ...built, file, name }],
      };
    };
    expect(problemsWith(symbols('hello-dbgsym'), job)).toEqual([]);
    expect(problemsWith(symbols('libc6-dbgsym'), job)[0]).toContain('libc6-dbgsym, which the .dsc does not declare');
  });

  it('a binary version of its own is taken when its Source field names the asked one', () => {
    const own = withPackage({ version: '5.0', file: 'hello_5.0_amd64.deb' });
    const [first, ...rest] = own.files;
    expect(first).toBeDefined();
    const files = [{ ...deb, name: 'hello_5.0_amd64.deb' }, ...rest];
    const listed = files
      .filter(({ name }) => name !== changesFile.name)
      .map(({ name, size, sha256 }) => ({ name, size, digests: { sha256 } }));
    const results = {
      ...own,
      files,
      changes: { ...changes, files: listed },
      buildinfoFiles: new Map([
        ['hello_5.0_amd64.deb', 'aa'],
        [doc.name, 'bb'],
      ]),
    };
    expect(problemsWith(results, job)).toEqual([]);
  });

  it.each<[string, BuildResults, RegExp]>([
    ['no .changes', { ...good, changes: undefined, changesNames: [], files: [deb, doc, info] }, /left no \.changes/],
    [
      'two .changes',
      { ...good, changes: undefined, changesNames: ['a.changes', 'b.changes'] },
      /several \.changes \(a\.changes, b\.changes\)/,
    ],
    ['a .changes of another source', { ...good, changes: { ...changes, source: 'bash' } }, /of source bash; hello was asked for/],
    ['a .changes of another version', { ...good, changes: { ...changes, sourceVersion: '3' } }, /of version 3; 1:2\.0-1 was asked for/],
    [
      'a .changes for another architecture',
      { ...good, changes: { ...changes, architectures: ['arm64'] } },
      /for arm64; amd64 and all was asked for/,
    ],
    ['a package of another source', withPackage({ source: 'bash' }), /of source bash/],
    ['a package of another source version', withPackage({ sourceVersion: '9' }), /hello 9; hello 1:2\.0-1 was asked for/],
    [
      'a package that the source does not declare',
      withPackage({ name: 'bash', file: 'bash_2.0-1_amd64.deb' }),
      /bash, which the \.dsc does not declare/,
    ],
    ['a package for another architecture', withPackage({ architecture: 'arm64', file: 'hello_2.0-1_arm64.deb' }), /is for arm64/],
    ['a file name that says otherwise', withPackage({ name: 'hello-doc' }), /should be named hello-doc_2\.0-1_amd64/],
    [
      'a file that .changes does not list',
      { ...good, files: [...good.files, { name: 'x_1_amd64.deb', size: 1, sha256: 'x' }] },
      /x_1_amd64\.deb was left by the build, but/,
    ],
    [
      'a listed file that is not there',
      { ...good, files: [deb, info, changesFile] },
      /lists hello-doc_2\.0-1_all\.deb, which the build did not leave/,
    ],
    ['another digest than listed', { ...good, files: [{ ...deb, sha256: 'zz' }, doc, info, changesFile] }, /its size or SHA-256 differs/],
    [
      'a .buildinfo with the name of another source',
      { ...good, buildinfoNames: ['bash_5.2_amd64.buildinfo'] },
      /bash_5\.2_amd64\.buildinfo is not named as the \.buildinfo of hello 1:2\.0-1/,
    ],
    ['a .buildinfo that lacks a package', { ...good, buildinfoFiles: new Map([[deb.name, 'aa']]) }, /does not list hello-doc/],
    [
      'a .buildinfo with another package',
      { ...good, buildinfoFiles: new Map([...good.buildinfoFiles, ['evil_1_all.deb', 'x']]) },
      /lists evil_1_all\.deb/,
    ],
    [
      'a result that cannot be published',
      { ...good, files: [...good.files, { name: 'raw.img', size: 1, sha256: 'x' }] },
      /raw\.img is no package/,
    ],
  ])('%s is refused and named', (_, results, expected) => {
    expect(problemsWith(results, job).join('\n')).toMatch(expected);
  });

  it('arch:all packages are refused from a job that does not build them', () => {
    expect(problemsWith(good, { ...job, buildsAll: false }).join('\n')).toMatch(
      /hello-doc_2\.0-1_all\.deb is for all; amd64 was asked for/,
    );
  });
});
