/**
 * What buildme adds to a build under `run`, over ssh to a real sshd on loopback: from the claim to the job lying in `built`, less what the
 * build command itself takes by its own clock. Beside it, as the peer, the same build by hand: scp there, ssh with the command, scp back.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { QUICK_BUILD } from '../helpers/quick_build.ts';
import { makeTemp, removeTemp, run, until } from '../helpers/run.ts';
import { architecture, BUILDME, makeSite } from '../helpers/site.ts';
import { startSshd } from '../helpers/sshd.ts';
import { writeUpload } from '../helpers/upload.ts';
import { aboutMachine, median } from './measure.ts';

const BUILDS = 15;
const TARGET_SECONDS = 1.5;

const made = await makeTemp('overhead');
const sshd = await startSshd();
const script = join(made, 'build.sh');
// sbuild's part is played by two seconds of nothing and a real .deb.
await writeFile(script, `echo "began $(date +%s.%N)"\nsleep 2\n(\n${QUICK_BUILD})\necho "ended $(date +%s.%N)"\n`);
const arch = await architecture();
const site = await makeSite({
  product: { build_command: `sh ${script}` },
  host: {
    kind: 'ssh',
    address: sshd.address,
    identity: sshd.identity,
    known_hosts: sshd.knownHosts,
    architectures: `${arch} all`,
    workdir: join(made, 'work'),
  },
});
const child = spawn(process.execPath, [BUILDME, '-c', site.configFile, 'run'], { stdio: 'inherit' });
try {
  process.stdout.write(`overhead: ${BUILDS} builds one after the other over ssh to loopback; ${aboutMachine()}\n`);
  const ours: number[] = [];
  const peer: number[] = [];
  for (let index = 0; index < BUILDS; index += 1) {
    const source = `bench${index}`;
    const upload = await writeUpload(made, { source, key: site.uploader, distribution: 'stable' });
    await site.drop(made, upload.names);
    const done = join(site.spool, 'done');
    const id = await until(
      `${source} to be done`,
      async () => (await readdir(done).catch(() => [])).find((name) => name.startsWith(`${source}_`)),
      60_000,
    );
    const journal = (await readFile(join(done, id, 'journal'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    const claimed = Date.parse(journal.find(({ event }) => event === 'claimed')?.time ?? '');
    const built = Date.parse(journal.find(({ event, to }) => event === 'moved' && to === 'built')?.time ?? '');
    const log = await readFile(join(done, id, 'attempts/1/log'), 'utf8');
    const [began = Number.NaN, ended = Number.NaN] = [...log.matchAll(/^(?:began|ended) ([\d.]+)$/gm)].map(([, at]) => Number(at));
    ours.push((built - claimed) / 1000 - (ended - began));
    peer.push(await byHand(index, upload.names));
  }
  const [a, b] = [median(ours), median(peer)];
  const holds = a < TARGET_SECONDS;
  process.stdout.write(
    `overhead: ${a.toFixed(2)} s a build (max ${Math.max(...ours).toFixed(2)}), by hand with scp and ssh ${b.toFixed(2)} s; ratio of medians ${(a / b).toFixed(2)}; target < ${TARGET_SECONDS} s: ${holds ? 'holds' : 'MISSED'}\n`,
  );
  process.exitCode = holds ? 0 : 1;
} finally {
  child.kill('SIGTERM');
  await once(child, 'exit');
  await sshd.stop();
  await site.remove();
  await removeTemp(made);
}

/** Seconds that scp and ssh add to the same build. */
async function byHand(index: number, names: readonly string[]): Promise<number> {
  const there = join(made, `hand${index}`);
  const back = join(made, `back${index}`);
  await mkdir(there);
  await mkdir(back);
  const at = process.hrtime.bigint();
  const to = `${sshd.user}@${sshd.host}`;
  await run(['scp', '-q', ...sshd.clientOptions, '-P', String(sshd.port), ...names.map((name) => join(made, name)), `${to}:${there}`]);
  const command = `cd ${there} && mkdir -p out && BUILDME_OUT=${there}/out BUILDME_SOURCE=bench${index} BUILDME_VERSION=1.0-1 BUILDME_ARCH=${arch} BUILDME_SUITE=stable sh ${script}`;
  const log = await run(['ssh', ...sshd.clientOptions, '-p', String(sshd.port), to, command]);
  await run(['sh', '-c', `scp -q "$@" ${back}`, 'scp', ...sshd.clientOptions, '-P', String(sshd.port), '-r', `${to}:${there}/out`]);
  const [began = Number.NaN, ended = Number.NaN] = [...log.matchAll(/^(?:began|ended) ([\d.]+)$/gm)].map(([, when]) => Number(when));
  return Number(process.hrtime.bigint() - at) / 1e9 - (ended - began);
}
