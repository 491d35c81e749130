import { describe, expect, it } from 'vitest';
import { escapeName, isEntryName, jobId, unparsedId, uploadId } from '../../lib/spool/ids.ts';

const parts = {
  product: 'p',
  kind: 'build',
  rebuild: 0,
  source: 'hello',
  version: '1:2.0-1',
  architecture: 'amd64',
  files: [
    { name: 'a', sha256: '1' },
    { name: 'b', sha256: '2' },
  ],
};

describe('ids', () => {
  it('a job is named after source, version and architecture, with the colon as %3a', () => {
    expect(jobId(parts)).toMatch(/^hello_1%3a2\.0-1_amd64_[0-9a-f]{12}$/);
  });

  it('the order of the inputs does not matter, their content does', () => {
    expect(jobId({ ...parts, files: [...parts.files].reverse() })).toBe(jobId(parts));
    expect(jobId({ ...parts, files: [{ name: 'a', sha256: '1' }] })).not.toBe(jobId(parts));
    expect(jobId({ ...parts, product: 'q' })).not.toBe(jobId(parts));
    expect(jobId({ ...parts, rebuild: 1 })).not.toBe(jobId(parts));
  });

  it('even the longest source has an id of at most 200 bytes that is a legal name', () => {
    const id = jobId({ ...parts, source: 'a'.repeat(300), version: `1${':'.repeat(100)}` });
    expect(id.length).toBeLessThanOrEqual(200);
    expect(isEntryName(id)).toBe(true);
  });

  it.each([
    ['../../etc/passwd', '%2e./..%2f'.slice(0, 3)],
    ['.hidden', '%2ehidden'],
    ['-rf', '%2drf'],
    ['a b\n', 'a%20b%0a'],
    ['ä', '%c3%a4'],
  ])('%j is escaped so that it begins with %j and is a legal name', (name, begin) => {
    expect(escapeName(name).startsWith(begin)).toBe(true);
    expect(isEntryName(escapeName(name))).toBe(true);
    expect(escapeName(name)).not.toContain('/');
  });

  it('a cut never splits a %xx', () => {
    expect(escapeName('ä'.repeat(100), 11)).toBe('%c3%a4%c3');
  });

  it('an upload is named after its trigger and its bytes', () => {
    expect(uploadId('hello_1.0_source.changes', Buffer.from('x'))).toMatch(/^hello_1\.0_source_[0-9a-f]{12}$/);
    expect(uploadId('hello_1.0_source.changes', Buffer.from('x'))).not.toBe(uploadId('hello_1.0_source.changes', Buffer.from('y')));
  });

  it('what cannot be parsed is named over its name and bytes', () => {
    expect(unparsedId('a.changes')).not.toBe(unparsedId('b.changes'));
    expect(unparsedId('a.changes', Buffer.from('x'))).not.toBe(unparsedId('a.changes'));
  });

  it.each(['.new-1', '', 'a/b', 'a b', 'a\n', '-x', 'a'.repeat(201)])('%j is no name of ours', (name) => {
    expect(isEntryName(name)).toBe(false);
  });
});
