/** Timing whole processes, in pairs A B A B: machines are shared and noisy, so the claim is the median of the ratios within a pair. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

export interface Sample {
  /** Seconds. */
  readonly wall: number;
  /** User and system seconds of the process and its children. */
  readonly cpu: number;
}

/** Runs a command through sh `times` times and gives what it took, a run. Throws when it fails. */
export function timeCommand(command: string, times = 1): Sample {
  const script = `i=0; while [ $i -lt ${times} ]; do ${command} || exit 1; i=$((i + 1)); done; times >&3`;
  const began = process.hrtime.bigint();
  const result = spawnSync('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });
  const wall = Number(process.hrtime.bigint() - began) / 1e9;
  if (result.status !== 0) throw new Error(`${command}: ${result.status} ${String(result.stderr).slice(-2000)}`);
  // The second line of `times` (POSIX) is that of the children: user, then system.
  const children = String(result.output[3]).trim().split('\n')[1] ?? '';
  const cpu = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );
  return { wall: wall / times, cpu: cpu / times };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** Runs ours and the peer's in turn; `prepare` is not timed. Gives the samples of both. */
export async function pairs(
  count: number,
  ours: () => Promise<Sample> | Sample,
  peer: () => Promise<Sample> | Sample,
): Promise<{ ours: Sample[]; peer: Sample[] }> {
  const samples: { ours: Sample[]; peer: Sample[] } = { ours: [], peer: [] };
  for (let pair = 0; pair < count; pair += 1) {
    samples.ours.push(await ours());
    samples.peer.push(await peer());
  }
  return samples;
}

/** One line: both medians, the median ratio within a pair, and whether the target holds. */
export function report(
  name: string,
  peerName: string,
  samples: { ours: Sample[]; peer: Sample[] },
  what: keyof Sample,
  target: number,
): boolean {
  const ours = samples.ours.map((sample) => sample[what]);
  const peer = samples.peer.map((sample) => sample[what]);
  const ratio = median(ours.map((value, index) => value / (peer[index] ?? Number.NaN)));
  const holds = ratio <= target;
  process.stdout.write(
    `${name}: ${median(ours).toFixed(3)} s ${what}, ${peerName} ${median(peer).toFixed(3)} s; median ratio of ${ours.length} pairs ${ratio.toFixed(3)}, target <= ${target}: ${holds ? 'holds' : 'MISSED'}\n`,
  );
  return holds;
}

export function aboutMachine(): string {
  const load = loadavg()[0]?.toFixed(1) ?? '?';
  return `${cpus().length} x ${cpus()[0]?.model ?? '?'}, load ${load}, node ${process.version}, ${/PRETTY_NAME="(.*)"/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '?'}`;
}
