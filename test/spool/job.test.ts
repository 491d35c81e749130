import { describe, expect, it } from 'vitest';
import { type JobFile, type JournalLine, progressOf } from '../../lib/spool/job.ts';

const file = { id: 'j', steps: ['build', 'lintian'] } as unknown as JobFile;
const line = (event: string, details: Record<string, unknown> = {}): JournalLine => ({
  time: '2026-01-01T00:00:00.000Z',
  stage: 't',
  event,
  ...details,
});
const claimed = (attempt: number, step = 'build') => line('claimed', { attempt, step, host: 'h' });
const verdict = (attempt: number, kind: string, step = 'build') => line('verdict', { attempt, step, verdict: kind });

describe('what a journal adds up to', () => {
  it('a new job is at its first step, untried', () => {
    expect(progressOf(file, [])).toMatchObject({ step: 'build', attempts: 0, claim: undefined, ending: undefined });
  });

  it('a claim is open until a verdict or a give-back', () => {
    expect(progressOf(file, [claimed(1)]).claim).toMatchObject({ attempt: 1, host: 'h' });
    expect(progressOf(file, [claimed(1), line('given-back')])).toMatchObject({ claim: undefined, attempts: 1, step: 'build' });
    expect(progressOf(file, [claimed(1), verdict(1, 'ok')])).toMatchObject({ claim: undefined, step: 'lintian' });
  });

  it('a job whose every step passed has no next one', () => {
    expect(progressOf(file, [claimed(1), verdict(1, 'ok'), claimed(2, 'lintian'), verdict(2, 'ok', 'lintian')]).step).toBeUndefined();
  });

  it('host faults count in a row, and since when a dependency is missing outlives them', () => {
    expect(progressOf(file, [verdict(1, 'host'), verdict(2, 'host')]).hostFaults).toBe(2);
    expect(progressOf(file, [verdict(1, 'host'), verdict(2, 'dependency'), verdict(3, 'host')])).toMatchObject({
      hostFaults: 1,
      lackingSince: '2026-01-01T00:00:00.000Z',
    });
  });

  it('retry begins at the step it names and forgives', () => {
    const journal = [
      claimed(1),
      verdict(1, 'ok'),
      claimed(2, 'lintian'),
      verdict(2, 'package', 'lintian'),
      line('end', { reason: 'x' }),
      line('retry', { step: 'build' }),
    ];
    expect(progressOf(file, journal)).toMatchObject({ step: 'build', attempts: 2, hostFaults: 0, ending: undefined });
  });

  it('a request to end it stays until a retry', () => {
    expect(progressOf(file, [claimed(1), line('end', { reason: 'superseded by 2.0' })]).ending).toBe('superseded by 2.0');
  });
});
