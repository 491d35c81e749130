/** A publish or sync in a process of its own, for a test that kills it: `STAGE SETTINGS` (JSON). */
import { publish } from '../../lib/stages/publish.ts';
import { sync } from '../../lib/stages/sync.ts';
import { contextOf, type SiteSettings } from '../repository/site.ts';

const [stage, settings = '{}'] = process.argv.slice(2);
const ctx = contextOf(JSON.parse(settings) as SiteSettings);
await (stage === 'sync' ? sync(ctx) : publish(ctx));
