/** What a build host of any kind offers. One Host value is one connection, for one run. */
import type { Claim, Job } from '../spool/job.ts';
import type { StepCommand } from '../steps/steps.ts';

/** What a host says about one attempt's directory. */
export type RemoteState =
  /** It answers and has no such directory. */
  | { readonly state: 'unknown' }
  /** Made, but nothing was started in it: its dispatcher died. */
  | { readonly state: 'new' }
  /** Given back: nothing will ever start in it. */
  | { readonly state: 'closed' }
  | { readonly state: 'running'; readonly logBytes: number }
  /** Ended. `status` null: no exit status is known (power cut, kill -9). `limit`: what stopped it. */
  | { readonly state: 'ended'; readonly status: number | null; readonly limit?: 'timeout' | 'log' | 'aborted' };

export interface FetchLimits {
  readonly maxLogBytes: number;
  readonly maxResultBytes: number;
  readonly maxResults: number;
}

export interface Fetched {
  /** Names of the results in `INTO/out`, sorted. */
  readonly results: readonly string[];
  /** What was refused: a link, a device, a name with a path, too many, too large; each a sentence. */
  readonly refused: readonly string[];
}

export interface Host {
  readonly name: string;
  /** Makes the attempt's directory, which fails if it exists (given back meanwhile), sends the inputs, starts the step detached. */
  start(job: Job, claim: Claim, command: StepCommand): Promise<void>;
  /** All asked for in one round trip; by workdir. */
  poll(workdirs: readonly string[]): Promise<ReadonlyMap<string, RemoteState>>;
  /** Fetches `log` and `out/` into an empty directory; regular files only, whatever the host says. */
  fetch(workdir: string, into: string, limits: FetchLimits): Promise<Fetched>;
  /** Bytes of the log from `offset`, at most `maxBytes`; for `log --follow`. */
  readLog(workdir: string, offset: number, maxBytes: number): Promise<Buffer>;
  /** Makes sure nothing will start in it any more (makes it, marked closed, if it is not there); false when it runs or ran already. */
  close(workdir: string): Promise<boolean>;
  /** Ends the whole process group; the state becomes `ended`. */
  abort(workdir: string): Promise<void>;
  /** Removes the attempt's directory; that it is gone already is fine. */
  clean(workdir: string): Promise<void>;
  /** Returns when one of the attempts has ended, or after `timeoutMs`. */
  wait(workdirs: readonly string[], timeoutMs: number): Promise<void>;
  /** Runs a sh script there (chroots, doctor): the script on standard input, arguments as argv. */
  script(
    text: string,
    args: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }>;
  disconnect(): Promise<void>;
}
