import { describe, expect, it } from 'vitest';
import { readChanges } from '../../../lib/formats/deb/changes.ts';
import { matchesArchitecture, readDsc } from '../../../lib/formats/deb/dsc.ts';
import { validFileName } from '../../../lib/formats/deb/filelist.ts';

const MD5 = 'a'.repeat(32);
const SHA256 = 'b'.repeat(64);
const DSC = [
  'Format: 3.0 (quilt)',
  'Source: pebble',
  'Binary: pebble, pebble-doc',
  'Architecture: any all',
  'Version: 1:1.0-1',
  'Maintainer: Uma Uploader <uma@example.org>',
  'Package-List:',
  ' pebble deb utils optional arch=any',
  ' pebble-doc deb non-free/doc optional arch=all profile=!nodoc',
  'Checksums-Sha256:',
  ` ${SHA256} 10 pebble_1.0.orig.tar.gz`,
  'Files:',
  ` ${MD5} 10 pebble_1.0.orig.tar.gz`,
  '',
].join('\n');
const CHANGES = [
  'Format: 1.8',
  'Source: pebble',
  'Architecture: source',
  'Version: 1.0-1',
  'Distribution: unstable',
  'Maintainer: Uma Uploader <uma@example.org>',
  'Changed-By: Olaf <olaf@example.org>',
  'Changes:',
  ' pebble (1.0-1) unstable; urgency=low',
  'Checksums-Sha256:',
  ` ${SHA256} 10 pebble_1.0-1.dsc`,
  'Files:',
  ` ${MD5} 10 non-free/utils optional pebble_1.0-1.dsc`,
  '',
].join('\n');

describe('a .dsc', () => {
  it('is read with its packages and every digest', () => {
    const { dsc, faults } = readDsc(DSC);
    expect(faults).toEqual([]);
    expect(dsc).toMatchObject({
      format: '3.0 (quilt)',
      source: 'pebble',
      version: '1:1.0-1',
      architectures: ['any', 'all'],
      binaries: ['pebble', 'pebble-doc'],
    });
    expect(dsc.packages[1]).toEqual({
      name: 'pebble-doc',
      type: 'deb',
      section: 'non-free/doc',
      priority: 'optional',
      architectures: ['all'],
    });
    expect(dsc.files).toEqual([{ name: 'pebble_1.0.orig.tar.gz', size: 10, digests: { md5: MD5, sha256: SHA256 } }]);
  });

  it('has every fault told at once', () => {
    const { faults } = readDsc('Source: Pebble!\nVersion: one\nBinary: ../x\nFiles:\n zz 10 a\n');
    expect(faults).toEqual([
      'the field Format is missing',
      "Source is 'Pebble!'; expected the name of a source package",
      "Version is 'one'; expected a Debian version that starts with a digit",
      'the field Architecture is missing',
      'the field Maintainer is missing',
      "Binary names '../x', which is no name of a package",
      'Couldn\'t parse file entry "zz 10 a" in Files: expected digest, size, name',
      'the field Checksums-Sha256 is missing: build the source with dpkg 1.16 or newer',
    ]);
  });

  it.each([
    [['Format: 3.0 (quilt)', 'Format: 3.0 (git)'], "Format is '3.0 (git)'; expected one of 1.0, 3.0 (native), 3.0 (quilt)"],
    [[`${MD5} 10 p`, `${MD5} 11 p`], 'Checksums-Sha256 says that pebble_1.0.orig.tar.gz has 10 bytes, another field says 11'],
    [[` ${SHA256} 10 pebble_1.0.orig.tar.gz`, ` ${SHA256} 10 other.tar.gz`], 'does not list'],
    [[`${SHA256} 10 pebble_1.0.orig.tar.gz`, `${SHA256} 10 ../../etc/passwd`], "lists '../../etc/passwd'"],
    [[`${SHA256} 10 pebble_1.0.orig.tar.gz`, `${SHA256} 10 .hidden`], "lists '.hidden'"],
    [[`${SHA256} 10 pebble`, `${SHA256} -1 pebble`], "Couldn't parse file entry"],
    [['Package-List:', 'Package-List:\n pebble deb'], "Package-List has the line 'pebble deb'"],
    [['Files:', 'X: y\n\nFiles:'], 'more than one paragraph'],
    [['Version: 1:1.0-1', 'Version: 1:1.0-1\n and more'], 'the field Version has more than one line'],
  ])('%# with a fault says which', ([from = '', to = ''], words) => {
    expect(DSC).toContain(from);
    expect(readDsc(DSC.replace(from, to)).faults.join('\n')).toContain(words);
  });

  it('with MD5 alone is taken where SHA-256 is not needed', () => {
    const old = DSC.replace(/Checksums-Sha256:\n.*\n/, '');
    expect(readDsc(old).faults).toHaveLength(1);
    expect(readDsc(old, { needsSha256: false }).faults).toEqual([]);
  });
});

describe('a .changes', () => {
  it('is read with section and priority of its files', () => {
    const { changes, faults } = readChanges(CHANGES);
    expect(faults).toEqual([]);
    expect(changes).toMatchObject({
      source: 'pebble',
      version: '1.0-1',
      sourceVersion: '1.0-1',
      architectures: ['source'],
      distribution: 'unstable',
      changedBy: 'Olaf <olaf@example.org>',
    });
    expect(changes.files).toEqual([
      { name: 'pebble_1.0-1.dsc', size: 10, digests: { md5: MD5, sha256: SHA256 }, section: 'non-free/utils', priority: 'optional' },
    ]);
  });

  it('may carry the version of the source behind its name', () => {
    expect(readChanges(CHANGES.replace('Source: pebble', 'Source: pebble (0.9-2)')).changes).toMatchObject({
      source: 'pebble',
      sourceVersion: '0.9-2',
    });
  });

  it.each(['Format', 'Source', 'Version', 'Architecture', 'Distribution', 'Maintainer'])('without %s is faulty', (name) => {
    expect(readChanges(CHANGES.replace(new RegExp(`^${name}:.*\n`, 'm'), '')).faults).toEqual([`the field ${name} is missing`]);
  });

  it.each(['stable unstable', '../stable', 'stable\u00a0'])('with the Distribution %j is faulty', (name) => {
    expect(readChanges(CHANGES.replace('Distribution: unstable', `Distribution: ${name}`)).faults).toHaveLength(1);
  });
});

it.each([
  ['any', 'amd64', true],
  ['amd64', 'amd64', true],
  ['amd64', 'arm64', false],
  ['linux-any', 'armhf', true],
  ['any-arm', 'armhf', true],
  ['any-arm64', 'armhf', false],
  ['kfreebsd-any', 'amd64', false],
  ['kfreebsd-any', 'kfreebsd-amd64', true],
  ['any', 'all', false],
  ['all', 'amd64', false],
  ['all', 'all', true],
])('%s means %s: %s', (pattern, architecture, expected) => {
  expect(matchesArchitecture(pattern, architecture)).toBe(expected);
});

it.each(['a.dsc', 'foo_1.0+dfsg~rc1-1.debian.tar.xz', 'G++'])('%s may name a file', (name) => {
  expect(validFileName(name)).toBe(true);
});
it.each(['', '.a', '-a', 'a/b', '..', 'a b', 'a\n', 'ä', 'a;b', 'a'.repeat(201)])('%j may not name a file', (name) => {
  expect(validFileName(name)).toBe(false);
});
