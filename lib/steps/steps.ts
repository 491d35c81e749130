/** The steps wing's door: what a step runs, and what its end means. (Contract; the steps owner completes it.) */
import type { Config, HostConfig } from '../config/types.ts';
import type { Job } from '../spool/job.ts';
import type { Judgement } from './verdict.ts';

export type ToolName = 'sbuild' | 'sbdmock' | 'plain';

/** What dispatch gives to a host. */
export interface StepCommand {
  readonly tool: ToolName;
  /** For `sh -c`. */
  readonly command: string;
  /** The BUILDME_… variables, but BUILDME_IN, BUILDME_OUT and HOME, which only the runner knows. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxLogBytes: number;
  /** Absolute paths here of the files that lie flat in BUILDME_IN there. */
  readonly inputs: readonly string[];
}

/** How an attempt ended, for its tool to read. */
export interface StepEnd {
  readonly status: number | null;
  readonly limit?: 'timeout' | 'log' | 'aborted';
  /** The last bytes of the log, as text. */
  readonly logTail: string;
  readonly results: readonly string[];
  readonly refused: readonly string[];
}

export declare function commandOf(config: Config, job: Job, step: string, host: HostConfig): Promise<StepCommand>;
export declare function judge(tool: ToolName, step: string, end: StepEnd): Judgement;
