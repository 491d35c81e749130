/**
 * A real OpenSSH server on a loopback port: what an uploader's scp and a build host's ssh talk to. One promise: `stop` ends the server and
 * its connections; what was started detached over it lives on, as on a real host.
 */
import { spawn } from 'node:child_process';
import { chmod, chown, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { isRoot, makeTemp, removeTemp, run, until } from './run.ts';

export interface SshdOptions {
  /** Login user; whoever runs the test by default. Another one needs root and an unlocked account (user.ts makes one). */
  readonly user?: string;
  /** To come back where an earlier server stopped. */
  readonly port?: number;
  /** Private host key file to use instead of a new one. */
  readonly hostKey?: string;
  /** Only sftp is answered, no command. */
  readonly sftpOnly?: boolean;
  /** Further lines of sshd_config. */
  readonly config?: readonly string[];
}

export interface TestSshd {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  /** user@host:port, for `address =`. */
  readonly address: string;
  /** Private key that may log in. */
  readonly identity: string;
  /** known_hosts with this server's key. */
  readonly knownHosts: string;
  /** Private host key file. */
  readonly hostKey: string;
  /** Arguments with which ssh, scp and sftp reach it without any prompt: `-F`, `-o …`; the port is `Port`. */
  readonly clientOptions: readonly string[];
  /** The same, as an ssh_config for `rsync -e 'ssh -F'` and the like; its host is `127.0.0.1`. */
  readonly clientConfig: string;
  /** What the server has logged so far. */
  log(): Promise<string>;
  /** Sends a signal to the server and its connections: SIGSTOP and SIGCONT freeze and thaw the host. */
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

/** Starts a server that answers already when this returns. */
export async function startSshd(options: SshdOptions = {}): Promise<TestSshd> {
  const dir = await makeTemp('sshd');
  // sshd reads authorized_keys as the login user.
  await chmod(dir, 0o755);
  const user = options.user ?? userInfo().username;
  const port = options.port ?? (await freePort());
  const identity = join(dir, 'identity');
  const hostKey = join(dir, 'host_key');
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'buildme test', '-f', identity]);
  if (options.hostKey === undefined) await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', hostKey]);
  else await copyHostKey(options.hostKey, hostKey);
  await copyFile(`${identity}.pub`, join(dir, 'authorized_keys'));
  const knownHosts = join(dir, 'known_hosts');
  await writeFile(knownHosts, `[127.0.0.1]:${port} ${await readFile(`${hostKey}.pub`, 'utf8')}`);
  // Without it sshd as root closes every connection: "Missing privilege separation directory".
  if (isRoot) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });

  const configFile = join(dir, 'sshd_config');
  await writeFile(configFile, serverConfig(dir, port, options));
  const clientConfig = join(dir, 'ssh_config');
  const clientLines = clientSettings(port, user, identity, knownHosts);
  await writeFile(clientConfig, `Host 127.0.0.1\n${clientLines.map((line) => `  ${line}\n`).join('')}`);

  const logFile = join(dir, 'log');
  const log = (): Promise<string> => readFile(logFile, 'utf8').catch(() => '');
  // Absolute paths: sshd executes itself again from /. A group of its own, so that its connections end with it.
  const child = spawn('/usr/sbin/sshd', ['-D', '-f', configFile, '-E', logFile], { detached: true, stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  const signal = (name: NodeJS.Signals): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, name);
  };
  const stop = async (): Promise<void> => {
    signal('SIGKILL');
    await ended;
    await removeTemp(dir);
  };
  try {
    await until('an answer of sshd', async () => {
      if (child.pid === undefined || child.exitCode !== null) throw new Error(`sshd did not start: ${await log()}`);
      return answers(port);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const clientOptions = ['-F', '/dev/null', ...clientLines.flatMap((line) => ['-o', line])];
  return {
    host: '127.0.0.1',
    port,
    user,
    address: `${user}@127.0.0.1:${port}`,
    identity,
    knownHosts,
    hostKey,
    clientOptions,
    clientConfig,
    log,
    signal,
    stop,
  };
}

function serverConfig(dir: string, port: number, options: SshdOptions): string {
  return [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(dir, 'host_key')}`,
    'PidFile none',
    `AuthorizedKeysFile ${join(dir, 'authorized_keys')}`,
    'StrictModes no',
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'UseDNS no',
    'MaxStartups 100',
    'LogLevel VERBOSE',
    'Subsystem sftp internal-sftp',
    ...(options.sftpOnly === true ? ['ForceCommand internal-sftp'] : []),
    ...(options.config ?? []),
    '',
  ].join('\n');
}

function clientSettings(port: number, user: string, identity: string, knownHosts: string): string[] {
  return [
    `Port=${port}`,
    `User=${user}`,
    `IdentityFile=${identity}`,
    'IdentitiesOnly=yes',
    `UserKnownHostsFile=${knownHosts}`,
    'GlobalKnownHostsFile=/dev/null',
    'StrictHostKeyChecking=yes',
    'BatchMode=yes',
    'ConnectTimeout=10',
  ];
}

async function copyHostKey(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await chmod(to, 0o600);
  if (isRoot) await chown(to, 0, 0);
  await writeFile(`${to}.pub`, await run(['ssh-keygen', '-y', '-f', to]));
}

/** A loopback port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2000, end(false));
    socket.once('data', end(true)).once('error', end(false)).once('close', end(false));
  });
}
