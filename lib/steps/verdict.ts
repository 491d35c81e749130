/** What the end of an attempt means and who is to blame. A value about a step; errors only say why *we* could not go on. */

/** `dependency` waits; `host` gives back and counts against the host; `unknown` asks again. */
export type Blame = 'ok' | 'package' | 'dependency' | 'host' | 'aborted' | 'unknown';

/** What a tool reads from the end of an attempt. */
export interface Judgement {
  readonly verdict: Blame;
  /** One sentence with the names in it. */
  readonly reason: string;
  /** At most 20 log lines that show it, control characters removed. */
  readonly evidence: readonly string[];
  /** What could not be installed, for `dependency`. */
  readonly missing?: readonly string[];
}

/** attempts/N/verdict.json. */
export interface VerdictFile extends Judgement {
  readonly attempt: number;
  readonly step: string;
  readonly host: string;
  readonly tool: string;
  /** Exit status; null when there was none. */
  readonly status: number | null;
  /** The command that a person can run to see the same. */
  readonly reproduce: string;
  readonly time: string;
}
