/** The legal states: the first word of each place below the spool. Where an entry lies says what is true of it (README, "States"). */

/** Entries whose directories are jobs. */
export const JOB_STATES = ['queued', 'waiting', 'running', 'built', 'accepted', 'failed', 'ended', 'done'] as const;
export type JobState = (typeof JOB_STATES)[number];

export const STATES = [
  'uploads',
  'held',
  'queued',
  'waiting',
  'running',
  'built',
  'accepted',
  'done',
  'rejected',
  'failed',
  'ended',
  'corrupt',
  'outbox',
  'sent',
] as const;
export type State = (typeof STATES)[number];

/** Directories of ours that hold no entries. */
export const OTHER_PLACES = ['tmp', 'hosts', 'holds', 'lock', 'mirrors', 'intake'] as const;

/** Where an entry lies: its state, and for `running` the host. */
export interface Place {
  readonly state: State;
  readonly host?: string;
}

/** `running/builder1` or `queued`: the place as a path below the spool. */
export function pathOf(place: Place): string {
  return place.host === undefined ? place.state : `${place.state}/${place.host}`;
}
