// Bundles lib/ with esbuild into dist/BUILD/ and points dist/current at it by one rename: a cron run that is under way keeps the chunks
// that it started with. The bundle before the last one is removed. Two at once would remove each other's half-made bundle, so that callers
// hold a lock on this file.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const fresh = join(dist, `.new-${process.pid}`);
const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  define: { BUILDME_VERSION: JSON.stringify(version) },
  // ssh2's native parts are optional: without them it uses its own code.
  external: ['*.node', 'cpu-features'],
  logLevel: 'warning',
};
await build({
  ...common,
  entryPoints: { main: join(root, 'lib/main.ts') },
  outdir: fresh,
  splitting: true,
  format: 'esm',
  // Bundled CommonJS libraries ask for require() and, ssh2, for __dirname.
  banner: {
    js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url),__dirname=import.meta.dirname;",
  },
});
// What every cron run starts with: one small CommonJS file, which is what node loads fastest. It reaches the rest by import().
await build({
  ...common,
  entryPoints: { start: join(root, 'lib/start.ts') },
  outdir: fresh,
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  plugins: [{ name: 'main', setup: (on) => on.onResolve({ filter: /^\.\/main\.ts$/ }, () => ({ path: './main.js', external: true })) }],
});
const hash = createHash('sha256');
for (const name of readdirSync(fresh).sort()) hash.update(name).update(readFileSync(join(fresh, name)));
const name = hash.digest('hex').slice(0, 12);
const current = join(dist, 'current');
let before;
try {
  before = readlinkSync(current);
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
}
if (before === name) rmSync(fresh, { recursive: true });
else {
  writeFileSync(join(fresh, 'package.json'), '{"type":"module"}\n');
  rmSync(join(dist, name), { recursive: true, force: true });
  renameSync(fresh, join(dist, name));
  const link = join(dist, `.link-${process.pid}`);
  symlinkSync(name, link);
  renameSync(link, current);
  for (const old of readdirSync(dist))
    if (![name, before, 'current'].includes(old)) rmSync(join(dist, old), { recursive: true, force: true });
}
