/** What an operator's command is: a function of its arguments and of what main.ts gives it, to an exit code. */
import type { Config } from '../config/types.ts';
import type { Context } from '../context.ts';

/** What a command of lib/cli gets. */
export interface Invocation {
  /** Arguments after the command's name. */
  readonly args: readonly string[];
  /** Reads the configuration once, on first use; throws ConfigError. */
  readonly config: () => Config;
  /** Reads it again; throws ConfigError and keeps the old one. */
  readonly reload: () => Config;
  /** A context whose log lines bear `tag`. */
  readonly context: (tag: string, dryRun?: boolean) => Context;
  readonly configFile: string;
}
export type Command = (invocation: Invocation) => Promise<number>;
