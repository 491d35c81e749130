import { describe, expect, it } from 'vitest';
import { compareVersions, revisionOf, upstreamOf, validVersion, withoutEpoch } from '../../../lib/formats/deb/version.ts';

describe('compareVersions', () => {
  it.each([
    ['1.0', '=', '1.0'],
    ['1.0', '=', '1.00'],
    ['1.0', '=', '1.0-0'],
    ['0:1.0', '=', '1.0'],
    ['1.0', '<', '1.0-1'],
    ['1.0~rc1', '<', '1.0'],
    ['1.0~~', '<', '1.0~'],
    ['1.0', '<', '1.0a'],
    ['1.0a', '<', '1.0+'],
    ['1.9', '<', '1.10'],
    ['9', '<', '10'],
    ['1.0-9', '<', '1.0-10'],
    ['2.0', '<', '1:1.0'],
    ['1.0-1', '<', '1.0-1+b1'],
    ['1.0-1~bpo1', '<', '1.0-1'],
    ['1.0.a', '>', '1.0a'],
    ['99999999999999999998', '<', '99999999999999999999'],
  ])('%s %s %s, and the other way round', (a, relation, b) => {
    const expected = relation === '=' ? 0 : relation === '<' ? -1 : 1;
    expect(Math.sign(compareVersions(a, b))).toBe(expected);
    expect(Math.sign(compareVersions(b, a))).toBe(expected === 0 ? 0 : -expected);
  });
});

describe('the parts of a version', () => {
  it.each([
    ['2:1.0-rc1-3', '1.0-rc1-3', '1.0-rc1', '3'],
    ['1.0', '1.0', '1.0', undefined],
    ['1:3.2+dfsg~1-0ubuntu2', '3.2+dfsg~1-0ubuntu2', '3.2+dfsg~1', '0ubuntu2'],
  ])('of %s', (version, plain, upstream, revision) => {
    expect([withoutEpoch(version), upstreamOf(version), revisionOf(version)]).toEqual([plain, upstream, revision]);
  });
});

it.each(['1.0', '0', '1:1.0-1', '1.0-rc1-1', '1.2~rc1+dfsg-1.1'])('%s is a version', (version) => {
  expect(validVersion(version)).toBe(true);
});
it.each(['', 'v1', '1.0-', ':1', '1:', '1:2:3', '1.0_1', '1.0/../2', '-1', '1 0', '1.0\n', '1'.repeat(200)])(
  '%j is no version',
  (version) => {
    expect(validVersion(version)).toBe(false);
  },
);
