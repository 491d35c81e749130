/**
 * A host that a shell reaches: the runner over a transport. One promise: what the host says about results is never believed; only regular
 * files with plain names arrive, no more and no larger than allowed, and all in one directory.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { codeOf, TemporaryError } from '../errors.ts';
import type { Claim, Job } from '../spool/job.ts';
import { GRACE_SECONDS, LATE, RUNNER } from '../steps/runner.ts';
import { settingsOf } from '../steps/shell.ts';
import type { StepCommand } from '../steps/steps.ts';
import type { Fetched, FetchLimits, Host, RemoteState } from './host.ts';
import type { Listed, ScriptResult, Transport } from './transport.ts';

const SHORT_MS = 60_000;
/** Removing a large tree on a slow disk. */
const CLEAN_MS = 600_000;
/** An attempt's directory holds a dozen. */
const MAX_ATTEMPT_FILES = 1000;

export function shellHost(name: string, transport: Transport): Host {
  return { name, start, poll, fetch, readLog, close, abort, clean, wait, script, disconnect: transport.disconnect };

  /** Runs a verb of the runner; undefined when it came too late. */
  async function runner(verb: string, args: readonly string[], timeoutMs = SHORT_MS): Promise<ScriptResult | undefined> {
    const result = await transport.run(RUNNER, [verb, ...args], timeoutMs);
    if (result.status === LATE) return undefined;
    if (result.status === 0) return result;
    const said = result.stderr.trim().split('\n').slice(-3).join('; ').slice(0, 500);
    throw new TemporaryError(
      'E_HOST_RUNNER',
      `host ${name}: the runner's ${verb} of ${args.slice(0, 1).join('')} ended with ${result.status}: ${said}; look at its disk and at who owns its workdir`,
    );
  }

  async function start(_job: Job, claim: Claim, command: StepCommand): Promise<void> {
    const { workdir } = claim;
    const late = (): TemporaryError =>
      new TemporaryError(
        'E_ATTEMPT_CLOSED',
        `host ${name}: ${workdir} is there already: the attempt was given back meanwhile, and nothing was started`,
      );
    if ((await runner('make', [workdir, settingsOf(command), RUNNER])) === undefined) throw late();
    for (const input of command.inputs) await transport.put(input, `${workdir}/in/${basename(input)}`);
    if ((await runner('start', [workdir])) === undefined) throw late();
  }

  async function poll(workdirs: readonly string[]): Promise<ReadonlyMap<string, RemoteState>> {
    if (workdirs.length === 0) return new Map();
    const said = (await runner('poll', workdirs))?.stdout.toString('utf8').split('\n') ?? [];
    return new Map(workdirs.map((workdir, index) => [workdir, stateOf(name, said[index] ?? '')]));
  }

  async function fetch(workdir: string, into: string, limits: FetchLimits): Promise<Fetched> {
    try {
      await mkdir(join(into, 'out'));
      // A plain step can have replaced either by a link.
      const there = (await transport.list(workdir, MAX_ATTEMPT_FILES)) ?? [];
      const has = (name: string, kind: Listed['kind']): boolean => there.some((entry) => entry.name === name && entry.kind === kind);
      const log = has('log', 'file') ? await transport.get(`${workdir}/log`, join(into, 'log'), limits.maxLogBytes) : undefined;
      if (log === undefined) await writeFile(join(into, 'log'), '');
      if (!has('out', 'directory')) return { results: [], refused: [] };
      return await fetchResults(transport, `${workdir}/out`, join(into, 'out'), limits);
    } catch (error) {
      if (!['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '')) throw error;
      throw new TemporaryError(
        'E_DISK_FULL',
        `no space left below ${into} for the results on host ${name}, which stay there: make room`,
        error,
      );
    }
  }

  async function readLog(workdir: string, offset: number, maxBytes: number): Promise<Buffer> {
    return (await runner('log', [workdir, String(offset), String(maxBytes)]))?.stdout ?? Buffer.alloc(0);
  }

  async function close(workdir: string): Promise<boolean> {
    return (await runner('close', [workdir])) !== undefined;
  }

  async function abort(workdir: string): Promise<void> {
    await runner('abort', [workdir], GRACE_SECONDS * 1000 + SHORT_MS);
  }

  async function clean(workdir: string): Promise<void> {
    await runner('clean', [workdir], CLEAN_MS);
  }

  async function wait(workdirs: readonly string[], timeoutMs: number): Promise<void> {
    if (workdirs.length > 0) await runner('wait', [String(Math.ceil(timeoutMs / 1000)), ...workdirs], timeoutMs + SHORT_MS);
  }

  async function script(text: string, args: readonly string[], timeoutMs: number): ReturnType<Host['script']> {
    const { status, stdout, stderr } = await transport.run(text, args, timeoutMs);
    return { status, stdout: stdout.toString('utf8'), stderr };
  }
}

function stateOf(name: string, line: string): RemoteState {
  const [state, first = '', limit = ''] = line.split(' ');
  if (state === 'unknown' || state === 'new' || state === 'closed') return { state };
  if (state === 'running' && /^\d+$/.test(first)) return { state, logBytes: Number(first) };
  if (state === 'ended' && /^(\d{1,3}|-)$/.test(first)) {
    const ended = { state, status: first === '-' ? null : Number(first) } as const;
    return limit === 'timeout' || limit === 'log' || limit === 'aborted' ? { ...ended, limit } : ended;
  }
  throw new TemporaryError(
    'E_HOST_RUNNER',
    `host ${name}: the runner said ${JSON.stringify(line.slice(0, 100))}, which is no state; does its login print something?`,
  );
}

async function fetchResults(transport: Transport, from: string, into: string, limits: FetchLimits): Promise<Fetched> {
  const listed = (await transport.list(from, limits.maxResults + 1)) ?? [];
  if (listed.length > limits.maxResults) {
    return { results: [], refused: [`there are more than ${limits.maxResults} entries (max_results); none was fetched`] };
  }
  const results: string[] = [];
  const refused: string[] = [];
  let left = limits.maxResultBytes;
  for (const entry of [...listed].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const fault = faultOf(entry) ?? (entry.size > left ? tooMuch(entry.name) : undefined);
    if (fault !== undefined) {
      refused.push(fault);
      continue;
    }
    const to = join(into, entry.name);
    const got = await transport.get(`${from}/${entry.name}`, to, left);
    if (got === undefined) refused.push(`${entry.name} cannot be read`);
    else if (got.more) {
      await rm(to);
      refused.push(tooMuch(entry.name));
    } else {
      results.push(entry.name);
      left -= got.bytes;
    }
  }
  return { results, refused };

  function tooMuch(name: string): string {
    return `${name} makes the results larger than ${limits.maxResultBytes} bytes (max_result_size)`;
  }
}

/** Why an entry can be no result. */
function faultOf({ name, kind }: Listed): string | undefined {
  const shown = JSON.stringify(name.slice(0, 100));
  // U+FFFD: bytes that are not UTF-8.
  if (!/^[^./\p{C}\uFFFD-][^/\p{C}\uFFFD]*$/u.test(name))
    return `${shown} is no name for a result: it has a path, a leading dot or dash, or characters that are not printable`;
  if (Buffer.byteLength(name) > 255) return `${shown}… is too long a name`;
  if (kind === 'file') return undefined;
  return `${shown} is ${{ directory: 'a directory', link: 'a symbolic link', other: 'a device, socket or fifo' }[kind]}, not a regular file`;
}
