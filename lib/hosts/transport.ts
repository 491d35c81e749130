/** What a way to a host must offer; the runner does the rest. Two implement it: local.ts and ssh.ts. */

export interface ScriptResult {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface Listed {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  /** Bytes, as the host says. */
  readonly size: number;
}

/** Throws TemporaryError (E_HOST_…) when the host cannot be reached, does not answer in time, or refuses. */
export interface Transport {
  /** Runs a sh script; its own commands read nothing from its standard input. */
  run(text: string, args: readonly string[], timeoutMs: number): Promise<ScriptResult>;
  /** Sends a file of ours under a new name there; checked by size. */
  put(from: string, to: string): Promise<void>;
  /** A directory's entries, not followed; reading ends after `max`. Undefined: there is none. */
  list(directory: string, max: number): Promise<Listed[] | undefined>;
  /** Fetches at most `maxBytes` into a new file; `more` when there is more. Undefined: there is none, or it may not be read. */
  get(from: string, to: string, maxBytes: number): Promise<{ readonly bytes: number; readonly more: boolean } | undefined>;
  disconnect(): Promise<void>;
}

/** A script as it is fed to `sh -s`: read whole before its first command, which then finds nothing on standard input. */
export function fedScript(text: string): string {
  return `{\n${text}\n} </dev/null\n`;
}
