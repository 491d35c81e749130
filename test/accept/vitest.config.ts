import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// `npm run accept`: minutes long, so no part of `npm test`. A file that is left hanging ends itself.
export default defineConfig({
  root: fileURLToPath(new URL('../../', import.meta.url)),
  // Side by side: one file mostly waits for cron's next minute.
  test: { pool: 'forks', maxWorkers: 2, include: ['test/accept/**/*.accept.ts'], testTimeout: 600_000, hookTimeout: 600_000 },
});
