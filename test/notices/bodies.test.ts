import { describe, expect, it } from 'vitest';
import { failedBody, publishedBody, queuedBody, rejectedBody } from '../../lib/notices/bodies.ts';
import type { JobFile } from '../../lib/spool/job.ts';
import type { VerdictFile } from '../../lib/steps/verdict.ts';

const job: JobFile = {
  id: 'pebble_1.0_amd64_0123456789ab',
  product: 'p',
  source: 'pebble',
  version: '1.0',
  architecture: 'amd64',
  buildsAll: true,
  kind: 'build',
  steps: ['build'],
  upload: 'u',
  siblings: [],
  binaries: [],
  dsc: 'pebble_1.0.dsc',
  suite: 'stable',
  files: [],
  mail: [],
};
const verdict: VerdictFile = {
  verdict: 'dependency',
  reason: 'libnothing-dev is not to be had',
  evidence: Array.from({ length: 30 }, (_, index) => `line ${index + 1}`),
  missing: ['libnothing-dev'],
  attempt: 3,
  step: 'build',
  host: 'h1',
  tool: 'sbuild',
  status: 3,
  reproduce: 'sbuild -d stable pebble_1.0.dsc',
  time: '2026-01-01T00:00:00Z',
};

describe('bodies', () => {
  it('of a failure have the verdict, the last twenty lines that show it, and the command that reproduces it', () => {
    const body = failedBody(job, verdict, '/results/pebble_1.0').split('\n');
    expect(body).toContain('pebble 1.0 (amd64) failed in its step build (attempt 3, on host h1).');
    expect(body).toContain('Verdict: dependency. Something that the package needs could not be installed.');
    expect(body).toContain('libnothing-dev is not to be had');
    expect(body).toContain('Missing: libnothing-dev');
    expect(body.filter((line) => /^ {2}line \d+$/.test(line))).toEqual(Array.from({ length: 20 }, (_, index) => `  line ${index + 11}`));
    expect(body).toContain('  sbuild -d stable pebble_1.0.dsc');
    expect(body).toContain('The whole log: buildme log pebble_1.0_amd64_0123456789ab --attempt 3');
    expect(body).toContain('All logs: /results/pebble_1.0');
    expect(body).toContain('Once the cause is gone: buildme retry pebble_1.0_amd64_0123456789ab');
  });
  it('of a failure without log lines or command leave both out', () => {
    const body = failedBody(job, { ...verdict, evidence: [], missing: [], reproduce: '' }, '/r');
    expect(body).not.toMatch(/The log says|To see the same|Missing/);
  });
  it('of a rejection have every reason', () => {
    expect(rejectedBody(job, ['one is wrong', 'two is wrong'])).toBe(
      'pebble 1.0 (amd64) was rejected. Nothing of it was published.\n\nAll 2 reasons:\n\n  * one is wrong\n  * two is wrong\n\nOnce that is mended it can be uploaded again.\n',
    );
    expect(rejectedBody({ source: '-', version: '-' }, ['x'])).toMatch(/^The upload was rejected\..*\n\nThe reason:\n/);
  });
  it('of what is queued say for which architectures and where to', () => {
    expect(queuedBody({ source: 'pebble', version: '1.0' }, 'stable', ['amd64', 'arm64'])).toContain(
      'built for amd64, arm64 and then published in stable',
    );
  });
  it('of what is published list what is new', () => {
    const receipt = {
      id: 'x.1',
      job: 'x',
      outcome: 'published',
      serial: 7,
      time: '',
      packages: [{ name: 'libpebble', version: '1.0', architecture: 'amd64' }],
    } as const;
    expect(publishedBody({ ...job, steps: ['build', 'lintian'] }, receipt)).toContain('was built, tested and published in stable');
    expect(publishedBody(job, receipt)).toBe(
      'pebble 1.0 (amd64) was built and published in stable (serial 7).\n\nNew there:\n\n  libpebble 1.0 amd64\n',
    );
  });
});
