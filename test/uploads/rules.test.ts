import { describe, expect, it } from 'vitest';
import type { Changes } from '../../lib/formats/deb/changes.ts';
import type { Dsc } from '../../lib/formats/deb/dsc.ts';
import type { GoodSignature } from '../../lib/openpgp.ts';
import { applyRules, type Facts } from '../../lib/uploads/rules.ts';

const NOW = new Date('2024-07-10T12:00:00Z');
const SIGNATURE: GoodSignature = {
  good: true,
  text: '',
  fingerprint: 'F'.repeat(40),
  userId: 'Uma <uma@example.org>',
  address: 'uma@example.org',
  id: 'sig',
  signedAt: new Date('2024-07-09T12:00:00Z'),
};
const FILE = { name: 'pebble_1.0.orig.tar.gz', size: 1, digests: { sha256: 'b'.repeat(64) } };
const DSC: Dsc = {
  format: '3.0 (quilt)',
  source: 'pebble',
  version: '1.0-1',
  architectures: ['any'],
  binaries: ['pebble'],
  packages: [],
  maintainer: 'Uma <uma@example.org>',
  files: [FILE],
};
const CHANGES: Changes = {
  format: '1.8',
  source: 'pebble',
  version: '1.0-1',
  sourceVersion: '1.0-1',
  architectures: ['source'],
  binaries: [],
  distribution: 'unstable',
  maintainer: 'Uma <uma@example.org>',
  changedBy: undefined,
  changes: '',
  files: [],
};
const PRODUCT: Facts['product'] = {
  name: 'fremantle',
  suite: 'stable',
  distributions: ['unstable'],
  architectures: ['amd64', 'arm64'],
  binaries: 'ignore',
  unsigned: 'reject',
  signatureAgeMs: 30 * 86_400_000,
};
const NOTHING: Facts['repository'] = {
  isSpent: () => false,
  newestEver: () => undefined,
  newestIn: () => undefined,
  ownerOf: () => undefined,
  digestOf: () => undefined,
};
const RIGHT: Facts = {
  product: PRODUCT,
  suite: { codename: 'bookworm' },
  now: NOW,
  signature: SIGNATURE,
  isSpent: false,
  mayUpload: () => true,
  changes: CHANGES,
  dsc: DSC,
  dscName: 'pebble_1.0-1.dsc',
  digests: new Map([
    ['pebble_1.0-1.dsc', 'd'.repeat(64)],
    [FILE.name, 'b'.repeat(64)],
  ]),
  live: [],
  repository: NOTHING,
  mayTakeOver: () => false,
};
const deb = { name: 'pebble_1.0-1_amd64.deb', size: 1, digests: {} };

describe('an upload', () => {
  it.each<[string, Partial<Facts>]>([
    ['right in everything', {}],
    ['for the suite itself', { changes: { ...CHANGES, distribution: 'stable' } }],
    ['for the codename', { changes: { ...CHANGES, distribution: 'bookworm' } }],
    ['with binaries, which are ignored', { changes: { ...CHANGES, architectures: ['source', 'amd64'], files: [deb] } }],
    ['of arch:all alone', { dsc: { ...DSC, architectures: ['all'] } }],
    ['newer than what lives', { live: [{ id: 'u', version: '0.9-1' }] }],
    ['newer than the suite', { repository: { ...NOTHING, newestIn: () => '0.9-1', newestEver: () => '2.0-1' } }],
    ['with a published orig', { repository: { ...NOTHING, digestOf: (name) => (name === FILE.name ? 'b'.repeat(64) : undefined) } }],
    ['with a binary name of its own', { repository: { ...NOTHING, ownerOf: () => 'pebble' } }],
    ['with a binary name that it may take', { repository: { ...NOTHING, ownerOf: () => 'marble' }, mayTakeOver: () => true }],
    ['by anybody, where signatures are not needed', { product: { ...PRODUCT, unsigned: 'accept' }, mayUpload: () => false }],
    ['unsigned', { signature: undefined, mayUpload: () => false }],
    ['of which nothing could be read', { changes: undefined, dsc: undefined, dscName: '', digests: new Map() }],
  ])('%s is taken', (_, facts) => {
    expect(applyRules({ ...RIGHT, ...facts })).toEqual([]);
  });

  it.each<[string, Partial<Facts>, string]>([
    ['by somebody who may not', { mayUpload: () => false }, 'may not upload pebble to product fremantle'],
    ['signed too long ago', { now: new Date('2024-08-09T12:00:01Z') }, 'takes none older than 30 days'],
    ['signed in the future', { now: new Date('2024-07-09T11:59:59Z') }, 'which is in the future'],
    ['with a spent signature', { isSpent: true }, 'was used before'],
    [
      'whose .dsc is of another source',
      { changes: { ...CHANGES, source: 'marble' } },
      'the .changes says Source marble, pebble_1.0-1.dsc says pebble',
    ],
    [
      'whose .dsc is of another version',
      { changes: { ...CHANGES, version: '1.0-2', sourceVersion: '1.0-2' } },
      'the .changes says Version 1.0-2, pebble_1.0-1.dsc says 1.0-1',
    ],
    ['of binaries alone', { changes: { ...CHANGES, architectures: ['amd64'] } }, "it has to name 'source'"],
    [
      'for another suite',
      { changes: { ...CHANGES, distribution: 'sid' } },
      'Distribution is sid; product fremantle takes stable, bookworm, unstable',
    ],
    [
      'that is UNRELEASED, even if it is listed',
      { product: { ...PRODUCT, distributions: ['UNRELEASED'] }, changes: { ...CHANGES, distribution: 'UNRELEASED' } },
      'Distribution is UNRELEASED',
    ],
    [
      'for architectures that nobody builds',
      { dsc: { ...DSC, architectures: ['hurd-any', 's390x'] } },
      'builds amd64, arm64 and nothing of these',
    ],
    [
      'with binaries where they are rejected',
      { product: { ...PRODUCT, binaries: 'reject' }, changes: { ...CHANGES, files: [deb] } },
      'takes the source alone',
    ],
    [
      'with binaries that are to be published',
      { product: { ...PRODUCT, binaries: 'accept' }, changes: { ...CHANGES, files: [deb] } },
      'cannot be done yet',
    ],
    ['whose .dsc has another name', { dscName: 'pebble.dsc' }, 'pebble_1.0-1.dsc is expected'],
    [
      'with files of another source',
      { dsc: { ...DSC, files: [{ ...FILE, name: 'marble_1.0.orig.tar.gz' }] } },
      'have to begin with pebble_',
    ],
    [
      'whose version is spent',
      { repository: { ...NOTHING, isSpent: () => true } },
      'pebble 1.0-1 was published already with other content',
    ],
    ['held with other content', { live: [{ id: 'u', version: '1.0-1' }] }, 'is held with other content by upload u'],
    ['older than the suite', { repository: { ...NOTHING, newestIn: () => '1:0' } }, 'is older than 1:0 in suite stable'],
    ['older than what lives', { live: [{ id: 'u', version: '1.0-2' }] }, 'is older than 1.0-2, which upload u brought'],
    [
      'by a bare .dsc of an old version',
      { changes: undefined, repository: { ...NOTHING, newestEver: () => '2.0-1' } },
      'is not newer than 2.0-1, which was published once',
    ],
    [
      'with another orig than the published',
      { repository: { ...NOTHING, digestOf: (name) => (name === FILE.name ? 'e'.repeat(64) : undefined) } },
      `it was published with ${'e'.repeat(64)}`,
    ],
    [
      'with a binary name of another source',
      { repository: { ...NOTHING, ownerOf: () => 'marble' } },
      'package pebble belongs to source marble in suite stable',
    ],
  ])('%s is refused', (_, facts, words) => {
    expect(applyRules({ ...RIGHT, ...facts })).toEqual([expect.stringContaining(words)]);
  });

  it('is refused for everything at once', () => {
    expect(
      applyRules({
        ...RIGHT,
        mayUpload: () => false,
        isSpent: true,
        changes: { ...CHANGES, distribution: 'sid' },
        repository: { ...NOTHING, isSpent: () => true },
      }),
    ).toHaveLength(4);
  });
});
