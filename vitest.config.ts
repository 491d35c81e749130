import { defineConfig } from 'vitest/config';

// fast: neither root nor Debian packages. system: real programs (`npm run setup`), and root where it says so.
export default defineConfig({
  test: {
    pool: 'forks',
    projects: [
      { extends: true, test: { name: 'fast', include: ['test/**/*.test.ts'], exclude: ['test/**/*.system.test.ts'], testTimeout: 20_000 } },
      {
        extends: true,
        test: { name: 'system', include: ['test/**/*.system.test.ts'], testTimeout: 300_000, hookTimeout: 300_000, fileParallelism: false },
      },
    ],
  },
});
