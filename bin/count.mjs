// Sums vitest's JSON report into the line `N passed, N failed, N skipped`, after a prefix: count.mjs FILE VITEST_STATUS [PREFIX].
// Exit status 1 when something failed, was not even loaded, or when there is no report.
import { readFileSync } from 'node:fs';

const [file = '', vitestStatus = '1', prefix = ''] = process.argv.slice(2);
let report;
try {
  report = JSON.parse(readFileSync(file, 'utf8'));
} catch (error) {
  console.error(`vitest left no report: ${error.message}`);
  report = { testResults: [] };
}
const of = (...states) =>
  report.testResults.flatMap(({ assertionResults }) => assertionResults).filter(({ status }) => states.includes(status)).length;
// A file that cannot be loaded, or whose beforeAll fails, counts once; so does a run that fails with no test to show for it (an error
// that nobody caught: the report alone calls that a success).
const brokenFiles = report.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
).length;
const failed = Math.max(of('failed') + brokenFiles, vitestStatus === '0' ? 0 : 1);
console.log(`${prefix}${of('passed')} passed, ${failed} failed, ${of('pending', 'skipped', 'todo')} skipped`);
process.exitCode = failed === 0 ? 0 : 1;
