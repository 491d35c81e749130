import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** Lines of what a tool of node_modules has to say; none when it is content. */
function complaints(tool: string, ...args: readonly string[]): string[] {
  try {
    execFileSync(process.execPath, [join(ROOT, 'node_modules', tool), ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    return [];
  } catch (error) {
    const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer };
    return `${stdout}${stderr}`.split('\n').filter((line) => line.trim() !== '');
  }
}

function filesBelow(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

/** design.md's one way: a file may import from its own rank or from a lower one. */
const RANKS: readonly (readonly string[])[] = [
  ['lib/start.ts', 'lib/main.ts'],
  ['lib/cli/', 'lib/stages/', 'lib/demo/'],
  ['lib/report/', 'lib/uploads/'],
  ['lib/mirrors/', 'lib/notices/'],
  ['lib/hosts/', 'lib/repository/'],
  ['lib/chroots/', 'lib/formats/', 'lib/steps/'],
  ['lib/spool/', 'lib/config/'],
  ['lib/'],
];
function rankOf(file: string): number {
  return RANKS.findIndex((wings) => wings.some((wing) => file.startsWith(wing)));
}

interface Import {
  readonly from: string;
  readonly to: string;
  /** Types vanish in the bundle: they couple texts, not programs. */
  readonly typeOnly: boolean;
}
function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/^(?:import( type)?|export)\b[^;']*?'(\.{1,2}\/[^']+)'|import\('(\.[^']+)'\)/gm)].map(([, type, to, lazy]) => ({
    from: file,
    to: join(dirname(file), to ?? lazy ?? ''),
    typeOnly: type !== undefined,
  }));
}

describe('the source tree', () => {
  it('type-checks', { timeout: 120_000 }, () => {
    expect(complaints('typescript/bin/tsc')).toEqual([]);
  });

  it('is formatted and free of what biome finds', { timeout: 60_000 }, () => {
    expect(complaints('@biomejs/biome/bin/biome', 'check', '--colors=off', '--max-diagnostics=20')).toEqual([]);
  });

  it('imports go one way, and no stage imports a stage', () => {
    const imports = filesBelow('lib').flatMap(importsOf);
    expect(imports.length).toBeGreaterThan(20);
    const upwards = imports.filter(({ from, to, typeOnly }) => !typeOnly && from !== 'lib/main.ts' && rankOf(to) < rankOf(from));
    const amongStages = imports.filter(({ from, to }) => from.startsWith('lib/stages/') && to.startsWith('lib/stages/'));
    expect([...upwards, ...amongStages].map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it('has no file above 300 lines', () => {
    const long = [...filesBelow('lib'), ...filesBelow('test')].filter(
      (file) => readFileSync(join(ROOT, file), 'utf8').split('\n').length > 301,
    );
    expect(long).toEqual([]);
  });
});
