import { expect, it } from 'vitest';
import { compareVersions } from '../../../lib/formats/deb/version.ts';
import { run } from '../../helpers/run.ts';

/** Every pair of these, and of versions made up from a seed, is put before dpkg in one shell. */
const ODD = [
  '0',
  '1',
  '1.0',
  '1.00',
  '1.0-0',
  '1.0-1',
  '1.0-',
  '1.0~',
  '1.0~~a',
  '1.0a',
  '1.0+',
  '1.0.1',
  '1:0',
  '0:1',
  '1.0-1~',
  '1.0-1+b1',
  '1.0+1-1',
  '1.0-a-1',
  '1.10',
  '1.9',
  '01',
  '1a1',
  '1a01',
];

function madeUp(count: number, seed: number): string[] {
  let state = seed;
  const next = (limit: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * limit);
  };
  const letters = '0019~~+.aZ-';
  return Array.from(
    { length: count },
    () => `${next(3) === 0 ? '1:' : ''}${next(10)}${Array.from({ length: next(6) }, () => letters[next(letters.length)]).join('')}`,
  );
}

it('versions compare as dpkg compares them', async () => {
  const versions = [...ODD, ...madeUp(12, 20240701)].filter((version) => !version.endsWith('-'));
  const pairs = versions.flatMap((a) => versions.map((b) => [a, b] as const));
  const script =
    'while read -r a b; do if dpkg --compare-versions "$a" lt "$b"; then echo -1; elif dpkg --compare-versions "$a" gt "$b"; then echo 1; else echo 0; fi; done';
  const said = (await run(['sh', '-c', script], { input: pairs.map((pair) => `${pair.join(' ')}\n`).join('') })).trim().split('\n');
  expect(said).toHaveLength(pairs.length);
  expect(pairs.filter(([a, b], index) => Math.sign(compareVersions(a, b)) !== Number(said[index]))).toEqual([]);
});
