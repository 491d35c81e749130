/** How far the delivery of a notice has come, as the journal in its entry says. Pure. */
import type { JournalLine } from '../spool/job.ts';

/** What a server said of one recipient. */
export interface Refusal {
  readonly address: string;
  readonly reply: string;
}

/** What one try came to; as the details of a `tried` line, what the journal holds. */
export interface Delivery {
  readonly delivered: readonly string[];
  /** Refused for good (5xx), or given up. */
  readonly refused: readonly Refusal[];
  /** Not now (4xx). */
  readonly deferred: readonly Refusal[];
}

export interface Standing {
  /** Recipients that neither got it nor were refused for good. */
  readonly open: readonly string[];
  /** Epoch milliseconds before which nothing is tried. */
  readonly dueAtMs: number;
}

const MINUTE = 60_000;
const LONGEST_PAUSE = 60;
export const LONGEST_PAUSE_MS = LONGEST_PAUSE * MINUTE;

/** After the Nth try in vain there is a pause of 1, 2, 4 … 60 min. */
export function standingOf(to: readonly string[], journal: readonly JournalLine[]): Standing {
  const tries = journal.filter(({ event }) => event === 'tried') as unknown as (JournalLine & Partial<Delivery>)[];
  const settled = new Set(tries.flatMap(({ delivered = [], refused = [] }) => [...delivered, ...refused.map(({ address }) => address)]));
  const last = tries.at(-1);
  return {
    open: to.filter((address) => !settled.has(address)),
    // Half a minute less, so that a cron that is a second early does not wait for another minute.
    dueAtMs: last === undefined ? 0 : Date.parse(last.time) + Math.min(2 ** (tries.length - 1), LONGEST_PAUSE) * MINUTE - MINUTE / 2,
  };
}
