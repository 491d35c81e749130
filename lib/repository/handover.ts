/**
 * What accept hands to publish, and what publish answers. A hand-over is a directory `repo_queue/JOB.N` with `handover.json` and the files
 * it lists, nothing else; the answer is `REPOSITORY_DIR/NAME/receipts/JOB.N`. The two may run as different users, on different machines.
 */
import type { FileDigest } from '../spool/job.ts';

export interface HandOver {
  /** JOB.N, also the name of its directory. */
  readonly id: string;
  readonly job: string;
  readonly product: string;
  readonly repository: string;
  readonly suite: string;
  readonly source: string;
  readonly version: string;
  readonly architecture: string;
  /** Component of the whole source, by the Section of its .changes or .dsc; publish falls back to the suite's first. */
  readonly component: string;
  /** Name of the .dsc among `sourceFiles`. */
  readonly dsc: string;
  /** The .dsc and every file that it lists. Published with the first of the source's jobs. */
  readonly sourceFiles: readonly FileDigest[];
  /** The .debs (also .udeb, .ddeb). */
  readonly binaries: readonly FileDigest[];
  /** Kept beside the binaries, not indexed. */
  readonly buildinfo?: FileDigest;
}

export interface Receipt {
  readonly id: string;
  readonly job: string;
  readonly outcome: 'published' | 'refused';
  /** The serial in which it was published. */
  readonly serial?: number;
  /** Why it was refused: every fault, each a sentence. */
  readonly reasons?: readonly string[];
  /** What was added, for the mail. */
  readonly packages?: readonly { readonly name: string; readonly version: string; readonly architecture: string }[];
  readonly time: string;
}
