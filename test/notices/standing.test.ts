import { describe, expect, it } from 'vitest';
import { standingOf } from '../../lib/notices/standing.ts';
import type { JournalLine } from '../../lib/spool/job.ts';

function tried(minute: number, details: Readonly<Record<string, unknown>>): JournalLine {
  return { time: new Date(minute * 60_000).toISOString(), stage: 'notify', event: 'tried', ...details };
}

describe('where a delivery stands', () => {
  it('at first: everybody, at once', () => {
    expect(standingOf(['a@x', 'b@x'], [])).toEqual({ open: ['a@x', 'b@x'], dueAtMs: 0 });
  });
  it('leaves open who neither got it nor was refused for good', () => {
    const journal = [
      tried(0, { delivered: ['a@x'], refused: [{ address: 'b@x', reply: '550' }], deferred: [{ address: 'c@x', reply: '450' }] }),
      tried(1, { reason: 'down' }),
    ];
    expect(standingOf(['a@x', 'b@x', 'c@x'], journal).open).toEqual(['c@x']);
  });
  it('pauses for 1, 2, 4 … at most 60 min, less half a minute', () => {
    const pauses = [1, 2, 3, 4, 5, 6, 7, 8, 50].map((count) => {
      const journal = Array.from({ length: count }, () => tried(100, { reason: 'down' }));
      return (standingOf(['a@x'], journal).dueAtMs - 100 * 60_000 + 30_000) / 60_000;
    });
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });
});
