/**
 * Running gpgv. One promise: the answer is of the very bytes that were given. Starting a process costs node more than the check itself, so
 * many checks at once share a shell that starts them; one alone is piped.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile } from './disk.ts';
import { unless } from './errors.ts';
import { type Exec, endOf } from './exec.ts';

/** What gpgv had to say: its status lines, the signed text, and, where it failed, how. */
export interface GpgvAnswer {
  readonly status: string;
  readonly text: Buffer;
  /** Undefined: it exited with 0, 1 or 2, which the status lines explain. */
  readonly failure: string | undefined;
}
export type Gpgv = (keyring: string, signed: Buffer) => Promise<GpgvAnswer>;

const TIMEOUT_MS = 60_000;

/** A process for each check. */
export function gpgvAlone(exec: Exec): Gpgv {
  return async (keyring, signed) => {
    const argv = ['gpgv', '--status-fd', '3', '--keyring', keyring, '--output', '-', '-'] as const;
    const result = await exec(argv, {
      input: signed,
      extra: true,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_TEXT_BYTES,
      env: plainEnvironment(),
    });
    return { status: result.extra, text: result.stdout, failure: isVerdict(result.status) ? undefined : endOf(result) };
  };
}

interface Request {
  readonly keyring: string;
  readonly signed: Buffer;
  readonly resolve: (answer: GpgvAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** Shells at once, and checks of one shell. */
const SHELLS = 2;
const BATCH = 16;
/** Bytes of text that one check may give: what is signed can be compressed, and is no larger than what it was read from otherwise. */
const MAX_TEXT_BYTES = 8 << 20;
/** Arguments: pairs of keyring and path; what comes of PATH goes to PATH.text and PATH.status, how gpgv ended to PATH.exit. */
const SCRIPT = `ulimit -f ${MAX_TEXT_BYTES / 512}
while [ $# -gt 0 ]; do
  gpgv --status-fd 3 --keyring "$1" --output "$2.text" "$2" 3>"$2.status" 2>/dev/null
  echo $? >"$2.exit"
  shift 2
done`;

/** Checks that are asked for while others run go together. `directory` is ours alone, and empty again between checks. */
export function gpgvTogether(exec: Exec, directory: string): Gpgv {
  const alone = gpgvAlone(exec);
  const waiting: Request[] = [];
  let shells = 0;
  let files = 0;

  function next(): void {
    if (shells >= SHELLS || waiting.length === 0) return;
    shells += 1;
    const batch = waiting.splice(0, BATCH);
    const [only, ...others] = batch;
    const work =
      only !== undefined && others.length === 0 ? alone(only.keyring, only.signed).then(only.resolve, only.reject) : together(batch);
    void work.finally(() => {
      shells -= 1;
      next();
    });
  }

  async function together(batch: readonly Request[]): Promise<void> {
    try {
      const placed = batch.map((request, index) => ({ request, path: join(directory, String(files + index)) }));
      files += batch.length;
      await Promise.all(placed.map(({ request, path }) => writeFile(path, request.signed)));
      const pairs = placed.flatMap(({ request, path }) => [request.keyring, path]);
      const result = await exec(['sh', '-c', SCRIPT, 'gpgv', ...pairs], { timeoutMs: TIMEOUT_MS, env: plainEnvironment() });
      await Promise.all(
        placed.map(async ({ request, path }) => {
          const [status, text, exit] = await Promise.all([read(`${path}.status`), read(`${path}.text`), read(`${path}.exit`)]);
          const code = exit.toString('latin1').trim();
          const failure = isVerdict(code === '' ? null : Number(code)) ? undefined : `exit status ${code}; ${endOf(result)}`;
          request.resolve({ status: status.toString('utf8'), text, failure });
          await Promise.all(['', '.status', '.text', '.exit'].map((ending) => removeFile(`${path}${ending}`)));
        }),
      );
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return (keyring, signed) =>
    new Promise((resolve, reject) => {
      waiting.push({ keyring, signed, resolve, reject });
      // Those of the same moment come together.
      setImmediate(next);
    });
}

/** Status lines know no language; without one gpgv opens half the files. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C' };
}

/** 0 good, 1 bad, 2 a fault that the status lines explain; anything else (126, 127, a signal) is no answer. */
function isVerdict(status: number | null): boolean {
  return status !== null && status <= 2;
}

async function read(path: string): Promise<Buffer> {
  return unless('ENOENT', Buffer.alloc(0), readFile(path));
}
