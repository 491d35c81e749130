/** Arguments of a command by node:util parseArgs, with our errors. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { codeOf, EXIT, UsageError } from '../errors.ts';

/** Parses; an unknown option is a UsageError that names the command. */
export function takeArguments<const O extends NonNullable<ParseArgsConfig['options']>>(
  command: string,
  args: readonly string[],
  options: O,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    if (codeOf(error)?.startsWith('ERR_PARSE_ARGS') !== true) throw error;
    throw new UsageError(`${command}: ${(error as Error).message}`);
  }
}

/** The one positional argument that a command takes. */
export function onlyJob(command: string, positionals: readonly string[]): string {
  const [name, ...others] = positionals;
  if (name === undefined || others.length > 0) throw new UsageError(`${command} takes one JOB: its id, or enough of it`);
  return name;
}

/** The answer is no: says why, exit 1. */
export function no(reason: string): number {
  process.stderr.write(`buildme: ${reason}\n`);
  return EXIT.no;
}
