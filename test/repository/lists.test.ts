import { expect, it } from 'vitest';
import { formatList, keepNewest, type Listed, listName, parseList } from '../../lib/repository/lists.ts';

function line(kind: Listed['kind'], name: string, version: string, changes: Partial<Listed> = {}): Listed {
  const architecture = kind === 'source' ? 'source' : 'amd64';
  const path = `pool/main/${name}_${version}`;
  return {
    kind,
    component: 'main',
    name,
    version,
    architecture,
    source: 'src',
    sourceVersion: version,
    path,
    size: 7,
    sha256: 'ab',
    job: 'job',
    ...changes,
  };
}
const names = (lines: readonly Listed[]): string[] =>
  lines.map(({ kind, name, version, architecture }) => `${kind} ${name} ${version} ${architecture}`);

it('a list reads back as it was written, sorted', () => {
  const lines = [
    line('source', 'src', '1:1.0~rc1-1+b2'),
    line('binary', 'bin', '2', { architecture: 'all' }),
    line('udeb', 'bin-udeb', '1'),
  ];
  expect(parseList(formatList(lines), 'x')).toEqual([lines[1], lines[0], lines[2]]);
  expect(formatList(lines.toReversed())).toBe(formatList(lines));
  expect(parseList('', 'x')).toEqual([]);
});

it.each([
  ['a line cut short', 'binary main bin 1 amd64 src 1 pool/x 7 ab\n', /x:1 is damaged/],
  ['a line too long', `${formatList([line('binary', 'b', '1')]).trimEnd()} more\n`, /x:1 is damaged/],
  ['another kind', `what ${formatList([line('binary', 'b', '1')])}`, /x:1 is not a line/],
])('%s is an error, not a package less', (_, text, message) => {
  expect(() => parseList(text, 'x')).toThrow(message);
});

it('a suite with a slash has one list beside the others', () => {
  expect(listName('bookworm/updates')).toBe('bookworm_updates.list');
});

it('the newest version of each name and architecture stays', () => {
  const kept = keepNewest([
    line('binary', 'bin', '1.0~rc1', { sourceVersion: '1.0~rc1' }),
    line('binary', 'bin', '1.0'),
    line('binary', 'bin', '0.9', { architecture: 'arm64' }),
  ]);
  expect(names(kept)).toEqual(['binary bin 1.0 amd64', 'binary bin 0.9 arm64']);
});

it('an older source stays as long as a binary of it does', () => {
  const sources = ['1', '2', '3'].map((version) => line('source', 'src', version));
  expect(names(keepNewest([...sources, line('binary', 'old', '9', { sourceVersion: '1' })]))).toEqual([
    'source src 1 source',
    'source src 3 source',
    'binary old 9 amd64',
  ]);
});
