/** The command line: arguments, configuration, log, exit code. Everything but this and the configuration is loaded where it is used. */
import { configFileOf } from './arguments.ts';
import type { Command } from './cli/command.ts';
import { readConfig } from './config/config.ts';
import type { Config } from './config/types.ts';
import type { Context } from './context.ts';
import { ConfigError, EXIT, ExpectedError, printable, TemporaryError, textOf, UsageError } from './errors.ts';
import { exec } from './exec.ts';
import { openLog } from './log.ts';
import { Spool } from './spool/spool.ts';

declare const BUILDME_VERSION: string;

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  tick: () => import('./cli/tick.ts').then((m) => m.tick),
  run: () => import('./cli/run.ts').then((m) => m.run),
  status: () => import('./cli/status.ts').then((m) => m.status),
  log: () => import('./cli/log.ts').then((m) => m.log),
  retry: () => import('./cli/retry.ts').then((m) => m.retry),
  chroot: () => import('./cli/chroot.ts').then((m) => m.chroot),
  demo: () => import('./cli/demo.ts').then((m) => m.demo),
};

const USAGE = `usage: buildme [-c FILE] COMMAND

Stages, each a line of crontab:
  verify | dispatch | collect | accept | publish | sync | notify | sweep   [--json] [--dry-run: verify, dispatch, sweep]
  tick [--all]                      every stage once, in order; those of 10 min and more when due
  run                               the same all the time, waking at once
Operator:
  status [--json] [JOB]             counts and oldest age per state; with JOB its whole history
  log JOB [--attempt N] [--follow]  what the build printed
  retry JOB [--from STEP]           again, at the step that failed
  chroot create|refresh|remove NAME [HOST...]
  demo [FILE.dsc]                   the whole pipeline on this machine
  --help | --version

FILE is $BUILDME_CONF, else /etc/buildme.conf. Exit: 0 done or nothing to do, 1 no, 64 usage, 70 our bug, 75 try later, 78 configuration.
`;

/** Runs one command line and gives its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const { configFile, rest } = configFileOf(argv);
  const [name, ...args] = rest;
  if (name === '--version') return print(`buildme ${BUILDME_VERSION}\n`);
  if (name === '--help' || name === '-h' || name === 'help') return print(USAGE);
  if (name === undefined) throw new UsageError(`which command?\n${USAGE}`);
  let config: Config | undefined;
  const load = (): Config => {
    config ??= readConfig(configFile);
    return config;
  };
  const reload = (): Config => {
    config = readConfig(configFile);
    return config;
  };
  const context = (tag: string, dryRun = false): Context => {
    const { spool, logDir } = load().global;
    return { config: load(), spool: new Spool(spool), log: openLog(tag, { dir: logDir }), now: () => new Date(), exec, dryRun };
  };
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return (await command())({ args, config: load, reload, context, configFile });
  const { STAGES, runStage } = await import('./cli/stages.ts');
  const stage = STAGES.get(name);
  if (stage === undefined) throw new UsageError(`no command '${name}'; buildme --help lists them`);
  const dryRun = args.includes('--dry-run');
  const unknown = args.find((arg) => arg !== '--json' && arg !== '--dry-run');
  if (unknown !== undefined) throw new UsageError(`${name} does not take '${unknown}', only --json${stage.dryRun ? ' and --dry-run' : ''}`);
  if (dryRun && !stage.dryRun) throw new UsageError(`--dry-run is offered for verify, dispatch and sweep, not for ${name}`);
  return runStage(name, (tag) => context(tag, dryRun), { json: args.includes('--json') });
}

function print(text: string): number {
  process.stdout.write(text);
  return EXIT.ok;
}

/** What is thrown this far, in words, and its exit code. */
function explain(error: unknown): number {
  if (error instanceof UsageError) process.stderr.write(`buildme: ${error.message}\n`);
  else if (error instanceof ConfigError) for (const fault of error.faults) process.stderr.write(`buildme: ${fault}\n`);
  else if (error instanceof ExpectedError) process.stderr.write(`buildme: ${printable(textOf(error))}\n`);
  else
    process.stderr.write(
      `buildme: our bug, please report it: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof ConfigError) return EXIT.config;
  if (error instanceof TemporaryError) return EXIT.later;
  return error instanceof ExpectedError ? EXIT.no : EXIT.bug;
}

// A reader that went away (`buildme status | head`) is no fault of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
main(process.argv.slice(2))
  .catch(explain)
  .then((code) => {
    process.exitCode = code;
  });
